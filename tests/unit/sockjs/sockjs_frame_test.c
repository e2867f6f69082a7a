#include "sockjs/sockjs_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "sockjs/sockjs_message.h"
#include "sockjs/sockjs_page.h"

static void expect_quoted(struct plug_str text, const char *expected)
{
  struct buf out = {0};
  sockjs_put_string(&out, text);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, expected);
  buf_free(&out);
}

static void strings_are_escaped(void **state)
{
  (void)state;
  expect_quoted(STR(""), "\"\"");
  expect_quoted(STR("plain / text"), "\"plain / text\"");
  expect_quoted(STR("\"\\\b\t\n\f\r"), "\"\\\"\\\\\\b\\t\\n\\f\\r\"");
  expect_quoted(STR("a\0b\x1f\x7f"), "\"a\\u0000b\\u001F\x7f\"");
  expect_quoted(STR("é €"), "\"é €\"");
  expect_quoted(STR("\xe2\x80\x8b\xe2\x80\x8c\xe2\x80\x8f\xe2\x80\x90"),
                "\"\xe2\x80\x8b\\u200c\\u200f\xe2\x80\x90\"");
  expect_quoted(STR("\xe2\x80\xa8\xe2\x81\xa0\xef\xbf\xb0\xef\xbf\xbf"),
                "\"\\u2028\\u2060\\ufff0\\uffff\"");
  expect_quoted(STR("\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"), "\"\\ud83d\\ude00\\udbff\\udfff\"");
}

static void what_is_no_utf8_keeps_its_length(void **state)
{
  (void)state;
  expect_quoted(STR("a\xff\xfe z"), "\"a?? z\"");
  expect_quoted(STR("\xc0\xaf"), "\"??\"");
  expect_quoted(STR("\xed\xa0\x80"), "\"???\""); /* a surrogate */
  expect_quoted(STR("\xe2\x82"), "\"??\"");
  expect_quoted(STR("\xf4\x90\x80\x80"), "\"????\"");
}

static void expect_frame(enum sockjs_transport transport, struct plug_str frame,
                         const char *expected)
{
  struct buf out = {0};
  sockjs_put_frame(&out, transport, "cb", frame);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, expected);
  buf_free(&out);
}

static void transports_wrap_frames(void **state)
{
  (void)state;
  struct plug_str frame = STR("a[\"</script>\\n\"]");
  expect_frame(SOCKJS_WEBSOCKET, frame, "a[\"</script>\\n\"]");
  expect_frame(SOCKJS_XHR, frame, "a[\"</script>\\n\"]\n");
  expect_frame(SOCKJS_XHR_STREAMING, frame, "a[\"</script>\\n\"]\n");
  expect_frame(SOCKJS_EVENTSOURCE, frame, "data: a[\"</script>\\n\"]\r\n\r\n");
  expect_frame(SOCKJS_HTMLFILE, frame,
               "<script>\np(\"a[\\\"\\u003c/script\\u003e\\\\n\\\"]\");\n</script>\r\n");
  expect_frame(SOCKJS_JSONP, frame, "cb(\"a[\\\"\\u003c/script\\u003e\\\\n\\\"]\");\r\n");
}

static void close_frames_have_a_reason(void **state)
{
  (void)state;
  struct buf out = {0};
  sockjs_put_close(&out, 3000, "Go \"away\"!");
  sockjs_put_close(&out, 1000, NULL);
  assert_true(str_eq(str_from(out.data, out.len), STR("c[3000,\"Go \\\"away\\\"!\"]c[1000,\"\"]")));
  buf_free(&out);
}

static void preludes_are_long_enough(void **state)
{
  (void)state;
  struct buf out = {0};
  sockjs_put_prelude(&out, SOCKJS_XHR_STREAMING, NULL);
  assert_int_equal(out.len, 2049);
  assert_int_equal(out.data[2048], '\n');
  out.len = 0;
  sockjs_put_prelude(&out, SOCKJS_EVENTSOURCE, NULL);
  assert_true(str_eq(str_from(out.data, out.len), STR("\r\n")));
  out.len = 0;
  sockjs_put_prelude(&out, SOCKJS_HTMLFILE, "parent.cb");
  assert_true(out.len > 1024);
  out.len = 0;
  sockjs_put_prelude(&out, SOCKJS_XHR, NULL);
  sockjs_put_prelude(&out, SOCKJS_JSONP, "x");
  assert_int_equal(out.len, 0);
  buf_free(&out);
}

/* --- messages ----------------------------------------------------------------------------- */

static void take(void *ctx, char *message, size_t len)
{
  buf_put(ctx, message, len);
  buf_put_char(ctx, '|');
  if (len)
    message[0] = '!'; /* it may be written to */
}

static void expect_messages(struct plug_str json, bool lone, enum sockjs_messages result,
                            struct plug_str taken)
{
  struct buf out = {0};
  assert_int_equal(sockjs_messages_read(json, lone, take, &out), result);
  assert_int_equal(out.len, taken.len);
  if (taken.len)
    assert_memory_equal(out.data, taken.ptr, taken.len);
  buf_free(&out);
}

static void messages_are_lists_of_strings(void **state)
{
  (void)state;
  expect_messages(STR("[\"a\",\"\",\"\\u0000\\ud83d\\ude00\"]"), false, SOCKJS_MESSAGES,
                  STR("a||\0\xf0\x9f\x98\x80|"));
  expect_messages(STR("[]"), false, SOCKJS_MESSAGES, STR(""));
  expect_messages(STR(" [ \"a\" ] \n"), false, SOCKJS_MESSAGES, STR("a|"));
  expect_messages(STR(""), false, SOCKJS_NO_PAYLOAD, STR(""));
  expect_messages(STR("null"), false, SOCKJS_NO_PAYLOAD, STR(""));
  expect_messages(STR("{\"a\":1}"), false, SOCKJS_NO_PAYLOAD, STR(""));
  expect_messages(STR("\"a\""), false, SOCKJS_NO_PAYLOAD, STR(""));
  expect_messages(STR("\"a\""), true, SOCKJS_MESSAGES, STR("a|"));
  expect_messages(STR("[\"x"), false, SOCKJS_BAD_JSON, STR(""));
  expect_messages(STR("[\"a\"] x"), false, SOCKJS_BAD_JSON, STR(""));
  expect_messages(STR("[\"a\",1]"), false, SOCKJS_BAD_JSON, STR(""));
  expect_messages(STR("[\"a\",[\"b\"]]"), false, SOCKJS_BAD_JSON, STR(""));
  expect_messages(STR("[\"\\ud800\"]"), false, SOCKJS_BAD_JSON, STR(""));
  expect_messages(STR("[\"\xff\"]"), false, SOCKJS_BAD_JSON, STR(""));
}

static void payloads_are_unwrapped(void **state)
{
  (void)state;
  struct buf body = {0};
  struct plug_str payload;
  buf_put_str(&body, STR("d=%5B%22x%22%5D&e=1"));
  sockjs_messages_unwrap(&body, true, &payload);
  assert_true(str_eq(payload, STR("[\"x\"]")));
  body.len = 0;
  buf_put_str(&body, STR("[\"%61bc\"]"));
  sockjs_messages_unwrap(&body, false, &payload);
  assert_true(str_eq(payload, STR("[\"%61bc\"]")));
  sockjs_messages_unwrap(&body, true, &payload);
  assert_int_equal(payload.len, 0);
  buf_free(&body);
}

static void the_page_loads_the_library(void **state)
{
  (void)state;
  struct buf out = {0};
  sockjs_put_iframe(&out, "https://example.org/sockjs.js");
  buf_put_char(&out, '\0');
  assert_non_null(strstr(out.data, "<script src=\"https://example.org/sockjs.js\"></script>"));
  out.len = 0;
  sockjs_put_info(&out, true, false, 4294967295u);
  assert_true(str_eq(str_from(out.data, out.len),
                     STR("{\"entropy\":4294967295,\"origins\":[\"*:*\"],\"cookie_needed\":false,"
                         "\"websocket\":true}")));
  buf_free(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strings_are_escaped),
      cmocka_unit_test(what_is_no_utf8_keeps_its_length),
      cmocka_unit_test(transports_wrap_frames),
      cmocka_unit_test(close_frames_have_a_reason),
      cmocka_unit_test(preludes_are_long_enough),
      cmocka_unit_test(messages_are_lists_of_strings),
      cmocka_unit_test(payloads_are_unwrapped),
      cmocka_unit_test(the_page_loads_the_library),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
