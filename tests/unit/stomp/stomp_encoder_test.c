#include "stomp/stomp_encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stomp/stomp_parser.h"

static struct stomp_scratch scratch;
static const struct stomp_limits limits = {
    .frame_bytes = 65536, .n_headers = 64, .header_bytes = 8192};

static void assert_bytes(const struct buf *out, struct plug_str expected)
{
  assert_false(out->failed);
  assert_int_equal(out->len, expected.len);
  assert_memory_equal(out->data, expected.ptr, expected.len);
}

static void assert_header(enum stomp_version version, enum stomp_command command,
                          struct plug_str name, struct plug_str value, struct plug_str expected)
{
  struct buf out = {0};
  stomp_put_header(&out, version, command, name, value);
  assert_bytes(&out, expected);
  buf_free(&out);
}

static void frames_are_laid_out_as_the_protocol_says(void **state)
{
  (void)state;
  struct buf out = {0};
  stomp_put_command(&out, STOMP_MESSAGE);
  stomp_put_header(&out, STOMP_1_2, STOMP_MESSAGE, STR("destination"), STR("/a"));
  stomp_put_header_u64(&out, STR("content-length"), 5);
  stomp_put_body(&out, STR("he\0lo"));
  assert_bytes(&out, STR("MESSAGE\ndestination:/a\ncontent-length:5\n\nhe\0lo\0"));
  buf_free(&out);

  stomp_put_command(&out, STOMP_RECEIPT);
  stomp_put_header(&out, STOMP_1_2, STOMP_RECEIPT, STR("receipt-id"), STR("x:1"));
  stomp_put_body(&out, str_from(NULL, 0));
  assert_bytes(&out, STR("RECEIPT\nreceipt-id:x\\c1\n\n\0"));
  buf_free(&out);

  stomp_put_command(&out, STOMP_ERROR);
  stomp_put_header(&out, STOMP_NONE, STOMP_ERROR, STR("message"), STR("Unknown session: x\\y"));
  stomp_put_header_u64(&out, STR("content-length"), 0);
  stomp_put_body(&out, STR(""));
  assert_bytes(&out, STR("ERROR\nmessage:Unknown session\\c x\\\\y\ncontent-length:0\n\n\0"));
  buf_free(&out);

  stomp_put_command(&out, STOMP_CONNECTED);
  stomp_put_header(&out, STOMP_1_2, STOMP_CONNECTED, STR("user-name"), STR("a:b"));
  stomp_put_body(&out, STR(""));
  assert_bytes(&out, STR("CONNECTED\nuser-name:a:b\n\n\0"));
  buf_free(&out);
}

static void numbers_are_written_in_full(void **state)
{
  (void)state;
  struct buf out = {0};
  stomp_put_header_u64(&out, STR("n"), 0);
  stomp_put_header_u64(&out, STR("n"), UINT64_MAX);
  assert_bytes(&out, STR("n:0\nn:18446744073709551615\n"));
  buf_free(&out);
}

static void each_version_has_its_escapes(void **state)
{
  (void)state;
  const struct plug_str name = STR("a:b\\c\nd\re\0f"), value = STR("A:B\\C\nD\rE\0F");
  assert_header(STOMP_1_2, STOMP_MESSAGE, name, value,
                STR("a\\cb\\\\c\\nd\\re f:A\\cB\\\\C\\nD\\rE F\n"));
  assert_header(STOMP_NONE, STOMP_ERROR, name, value,
                STR("a\\cb\\\\c\\nd\\re f:A\\cB\\\\C\\nD\\rE F\n"));
  assert_header(STOMP_1_1, STOMP_MESSAGE, name, value,
                STR("a\\cb\\\\c\\nd e f:A\\cB\\\\C\\nD E F\n"));
  assert_header(STOMP_1_0, STOMP_MESSAGE, name, value, STR("a b\\c d e f:A:B\\C D E F\n"));
}

/* What the vectors of the search look at together must not matter. */
static void a_byte_is_escaped_wherever_it_stands(void **state)
{
  (void)state;
  struct buf out = {0};
  for (size_t len = 1; len <= 40; len++)
    for (size_t at = 0; at < len; at++)
      for (int c = 0; c < 256; c++) {
        char text[40], expected[42];
        memset(text, 'x', len);
        text[at] = (char)c;
        const char *escape = c == ':'    ? "\\c"
                             : c == '\\' ? "\\\\"
                             : c == '\n' ? "\\n"
                             : c == '\r' ? "\\r"
                             : c == '\0' ? " "
                                         : NULL;
        size_t width = escape ? strlen(escape) : 1;
        memset(expected, 'x', sizeof expected);
        if (escape)
          memcpy(expected + at, escape, width);
        else
          expected[at] = (char)c;
        out.len = 0;
        stomp_put_escaped(&out, STOMP_1_2, str_from(text, len), false);
        assert_int_equal(out.len, len - 1 + width);
        assert_memory_equal(out.data, expected, out.len);
      }
  buf_free(&out);
}

static void known_names_are_written_as_they_are(void **state)
{
  (void)state;
  struct buf out = {0};
  stomp_put_known_header(&out, STOMP_1_1, STOMP_MESSAGE, STR("destination:"), STR("/a:b\r"));
  stomp_put_known_header(&out, STOMP_1_2, STOMP_CONNECTED, STR("server:"), STR("a:b"));
  stomp_put_known_header(&out, STOMP_1_2, STOMP_MESSAGE, STR("x:"), STR(""));
  assert_bytes(&out, STR("destination:/a\\cb \nserver:a:b\nx:\n"));
  buf_free(&out);
}

static void connect_and_connected_are_never_escaped(void **state)
{
  (void)state;
  static const enum stomp_command commands[] = {STOMP_CONNECT, STOMP_STOMP, STOMP_CONNECTED};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    assert_header(STOMP_1_2, commands[i], STR("a:b"), STR("A:B\\C\nD\rE\0F"),
                  STR("a b:A:B\\C D E F\n"));
}

static void escaping_alone_appends_to_what_is_there(void **state)
{
  (void)state;
  struct buf out = {0};
  stomp_put_escaped(&out, STOMP_1_2, STR(""), false);
  assert_int_equal(out.len, 0);
  stomp_put_escaped(&out, STOMP_1_2, STR("a:b"), false);
  stomp_put_escaped(&out, STOMP_1_2, STR("plain \xc3\xa4\x01\t\x7f"), true);
  stomp_put_escaped(&out, STOMP_1_0, STR("c:d"), true);
  stomp_put_escaped(&out, STOMP_1_0, STR("e:f"), false);
  assert_bytes(&out, STR("a\\cbplain \xc3\xa4\x01\t\x7f"
                         "c de:f"));
  buf_free(&out);
}

static void a_failed_buffer_stays_failed(void **state)
{
  (void)state;
  struct buf out = {.failed = true};
  stomp_put_command(&out, STOMP_SEND);
  stomp_put_header(&out, STOMP_1_2, STOMP_SEND, STR("a"), STR("b"));
  stomp_put_header_u64(&out, STR("n"), 1);
  stomp_put_body(&out, STR("x"));
  assert_true(out.failed);
  assert_int_equal(out.len, 0);
  assert_null(out.data);
}

static void the_parser_reads_back_what_was_written(void **state)
{
  (void)state;
  /* What each version can carry unharmed. */
  static const struct {
    enum stomp_version version;
    enum stomp_command command;
    const char *name, *value;
  } rows[] = {
      {STOMP_1_2, STOMP_SEND, "na:me\n\r\\", ":va\nl\rue\\n:"},
      {STOMP_1_2, STOMP_SEND, " blank ", "\ttab and blank "},
      {STOMP_1_2, STOMP_SEND, "\\c", "\\\\n"},
      {STOMP_NONE, STOMP_ERROR, "message", "Unknown session: x\r\n\\y"},
      {STOMP_1_1, STOMP_MESSAGE, "na:me\n\\", ":va\nlue\\r:"},
      {STOMP_1_0, STOMP_MESSAGE, "na\\me", "a:b\\c:\\"},
      {STOMP_1_2, STOMP_CONNECT, "pass\\code", "a:b\\c:\\"},
      {STOMP_1_2, STOMP_CONNECTED, "user", "a:b\\n"},
      {STOMP_1_2, STOMP_SEND, "\xc3\xa4", "\xe2\x82\xac:\xf0\x9f\x98\x80"},
      {STOMP_1_2, STOMP_SEND, "empty", ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bool has_body = rows[i].command == STOMP_SEND || rows[i].command == STOMP_MESSAGE;
    struct plug_str body = has_body ? STR("bo\0\r\ndy\\n") : STR("");
    struct buf out = {0};
    stomp_put_command(&out, rows[i].command);
    stomp_put_header(&out, rows[i].version, rows[i].command, str_of(rows[i].name),
                     str_of(rows[i].value));
    stomp_put_header_u64(&out, STR("content-length"), body.len);
    stomp_put_body(&out, body);
    assert_false(out.failed);

    struct stomp_parser p;
    struct stomp_frame frame;
    struct stomp_parse_error error;
    stomp_parser_init(&p, &limits, &scratch);
    stomp_parser_set_version(&p, rows[i].version);
    stomp_parser_feed(&p, out.data, out.len);
    assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
    assert_int_equal(frame.command, rows[i].command);
    assert_int_equal(frame.n_headers, 2);
    assert_true(str_eq(frame.headers[0].name, str_of(rows[i].name)));
    assert_true(str_eq(frame.headers[0].value, str_of(rows[i].value)));
    assert_true(str_eq(frame.body, body));
    assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_MORE);
    stomp_parser_fini(&p);
    buf_free(&out);
  }
}

static void every_byte_leaves_a_frame_that_parses(void **state)
{
  (void)state;
  for (int version = STOMP_NONE; version <= STOMP_1_2; version++)
    for (unsigned c = 0; c < 0x80; c++) {
      char byte = (char)c;
      struct buf out = {0};
      stomp_put_command(&out, STOMP_SEND);
      stomp_put_header(&out, (enum stomp_version)version, STOMP_SEND, str_from(&byte, 1),
                       str_from(&byte, 1));
      stomp_put_body(&out, STR(""));
      struct stomp_parser p;
      struct stomp_frame frame;
      struct stomp_parse_error error;
      stomp_parser_init(&p, &limits, &scratch);
      stomp_parser_set_version(&p, (enum stomp_version)version);
      stomp_parser_feed(&p, out.data, out.len);
      assert_int_equal(stomp_parser_next(&p, &frame, &error), STOMP_EVENT_FRAME);
      assert_int_equal(frame.n_headers, 1);
      bool same = str_eq(frame.headers[0].value, str_from(&byte, 1));
      assert_true(same || str_eq(frame.headers[0].value, STR(" ")));
      if (!same)
        assert_true(c == 0 || c == '\n' || c == '\r');
      stomp_parser_fini(&p);
      buf_free(&out);
    }
}

static void versions_and_commands_have_texts(void **state)
{
  (void)state;
  assert_string_equal(stomp_version_text(STOMP_1_0), "1.0");
  assert_string_equal(stomp_version_text(STOMP_1_1), "1.1");
  assert_string_equal(stomp_version_text(STOMP_1_2), "1.2");
  assert_string_equal(stomp_command_text(STOMP_CONNECT), "CONNECT");
  assert_string_equal(stomp_command_text(STOMP_UNSUBSCRIBE), "UNSUBSCRIBE");
  assert_string_equal(stomp_command_text(STOMP_ERROR), "ERROR");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_are_laid_out_as_the_protocol_says),
      cmocka_unit_test(numbers_are_written_in_full),
      cmocka_unit_test(each_version_has_its_escapes),
      cmocka_unit_test(a_byte_is_escaped_wherever_it_stands),
      cmocka_unit_test(known_names_are_written_as_they_are),
      cmocka_unit_test(connect_and_connected_are_never_escaped),
      cmocka_unit_test(escaping_alone_appends_to_what_is_there),
      cmocka_unit_test(a_failed_buffer_stays_failed),
      cmocka_unit_test(the_parser_reads_back_what_was_written),
      cmocka_unit_test(every_byte_leaves_a_frame_that_parses),
      cmocka_unit_test(versions_and_commands_have_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
