/* Answers of backends: what is taken, and the sentence for what is not. */
#include "hook_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plug_str str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static void take(struct hook_answer *answer, enum hook_asked asked, const char *text)
{
  char why[200] = "";
  if (!hook_answer_parse(answer, str(text), asked, 4, why))
    fail_msg("%s: %s", text, why);
}

static void assert_str(struct plug_str s, const char *expected)
{
  assert_int_equal(s.len, strlen(expected));
  assert_memory_equal(s.ptr, expected, s.len);
}

static void messages(void **state)
{
  struct hook_answer answer;
  (void)state;
  take(&answer, HOOK_ASKED_SEND,
       "{\"publish\":[{\"destination\":\"/a\",\"body\":\"x\\ny\"},"
       "{\"destination\":\"/b\",\"json\":[0.1,1,\"\\u0007\",true,{\"a\":null}],"
       "\"headers\":{\"k\":\"v\",\"l\":\"\"}},"
       "{\"destination\":\"/c\",\"base64\":\"AAH/\",\"contentType\":\"image/x\"},"
       "{\"destination\":\"/d\"}],\"reply\":{\"destination\":\"/r\",\"json\":null}}");
  assert_int_equal(answer.n_publishes, 4);
  assert_true(answer.has_reply);
  assert_false(answer.has_error);
  const struct plug_app_message *m = answer.messages;
  assert_str(m[0].destination, "/a");
  assert_str(m[0].body, "x\ny");
  assert_str(m[0].content_type, "text/plain;charset=utf-8");
  assert_str(m[1].body, "[0.1,1,\"\\u0007\",true,{\"a\":null}]");
  assert_str(m[1].content_type, "application/json");
  assert_int_equal(m[1].n_headers, 2);
  assert_str(m[1].headers[0].value, "v");
  assert_int_equal(m[2].body.len, 3);
  assert_memory_equal(m[2].body.ptr, "\0\1\377", 3);
  assert_str(m[2].content_type, "image/x");
  assert_int_equal(m[3].body.len, 0);
  assert_int_equal(m[3].content_type.len, 0);
  assert_str(m[4].destination, "/r");
  assert_str(m[4].body, "null");
  hook_answer_fini(&answer);
}

static void others(void **state)
{
  struct hook_answer answer;
  (void)state;
  take(&answer, HOOK_ASKED_SEND, "{}");
  assert_int_equal(answer.n_publishes, 0);
  hook_answer_fini(&answer);
  take(&answer, HOOK_ASKED_EVENT, " { \"publish\" : [ ] } ");
  hook_answer_fini(&answer);
  take(&answer, HOOK_ASKED_SUBSCRIBE, "{\"reply\":{\"body\":\"\"}}");
  assert_true(answer.has_reply);
  hook_answer_fini(&answer);
  take(&answer, HOOK_ASKED_SEND, "{\"error\":{\"code\":\"a-1\",\"message\":\"\xea\xb9\x80\"}}");
  assert_true(answer.has_error);
  assert_str(answer.error.code, "a-1");
  assert_str(answer.error.reason, "\xea\xb9\x80");
  hook_answer_fini(&answer);
  take(&answer, HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"base64\":\"\"}]}");
  assert_int_equal(answer.messages[0].body.len, 0);
  hook_answer_fini(&answer);
  take(&answer, HOOK_ASKED_SEND,
       "{\"publish\":[{\"destination\":\"/a\",\"json\":0.10000000000000002}]}");
  assert_str(answer.messages[0].body, "0.10000000000000002");
  hook_answer_fini(&answer);
}

static void refused(void **state)
{
  static const struct {
    enum hook_asked asked;
    const char *text, *why;
  } cases[] = {
      {HOOK_ASKED_SEND, "", "it is empty"},
      {HOOK_ASKED_SEND, "x", "line 1: it is not JSON"},
      {HOOK_ASKED_SEND, "\n\n{]", "line 3: it is not JSON"},
      {HOOK_ASKED_SEND, "[]", "it is not a JSON object"},
      {HOOK_ASKED_SEND, "{} {}", "line 1: something follows the JSON"},
      {HOOK_ASKED_SEND, "{\"publish\":[],\"publish\":[]}", "line 1: a member comes twice"},
      {HOOK_ASKED_SEND, "{\"reply\":{\"json\":1e999}}", "line 1: a number is out of range"},
      {HOOK_ASKED_SEND, "{\"a\":\"\\u0000\"}", "line 1: it holds a NUL character"},
      {HOOK_ASKED_SEND, "{\"\xff\":1}", "line 1: it is not UTF-8"},
      {HOOK_ASKED_SEND, "{\"publsh\":[]}",
       "the answer has the member \"publsh\", which means nothing"},
      {HOOK_ASKED_SEND, "{\"\xea\xb9\x80\":1}",
       "the answer has the member \"???\", which means nothing"},
      {HOOK_ASKED_SEND, "{\"publish\":{}}", "publish is not a list"},
      {HOOK_ASKED_SEND, "{\"publish\":null}", "publish is not a list"},
      {HOOK_ASKED_SEND, "{\"publish\":[1,2,3,4,5]}", "5 messages are more than max-messages, 4"},
      {HOOK_ASKED_SEND, "{\"publish\":[[]]}", "publish[0] is not an object"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\"},{}]}",
       "publish[1]: destination is missing"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"a\"}]}",
       "publish[0]: destination does not start with a slash"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\\n\"}]}",
       "publish[0]: destination has a control character"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":1}]}",
       "publish[0]: destination is not a string"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"body\":{}}]}",
       "publish[0]: body is not a string"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"body\":\"\",\"json\":1}]}",
       "publish[0] has more than one of body, json and base64"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"base64\":\"AAA\"}]}",
       "publish[0]: base64 is not base64"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"base64\":\"A=AA\"}]}",
       "publish[0]: base64 is not base64"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"base64\":\"====\"}]}",
       "publish[0]: base64 is not base64"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"headers\":[]}]}",
       "publish[0]: headers is not an object"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"headers\":{\"a\":1}}]}",
       "publish[0]: headers must be strings with names"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"headers\":{\"\":\"\"}}]}",
       "publish[0]: headers must be strings with names"},
      {HOOK_ASKED_SEND, "{\"publish\":[{\"destination\":\"/a\",\"contentType\":\"a\\r\"}]}",
       "publish[0]: contentType has a control character"},
      {HOOK_ASKED_SEND, "{\"reply\":{}}", "reply: destination is missing"},
      {HOOK_ASKED_SEND, "{\"error\":{\"code\":\"x\"},\"publish\":[]}",
       "there is an error, and publish or reply besides"},
      {HOOK_ASKED_SEND, "{\"error\":7}", "error is not an object"},
      {HOOK_ASKED_SEND, "{\"error\":{}}", "error: code is missing"},
      {HOOK_ASKED_SEND, "{\"error\":{\"code\":\"A\"}}",
       "error: code has something else than a-z, 0-9 and '-'"},
      {HOOK_ASKED_SEND, "{\"error\":{\"code\":\"123456789012345678901234567890123\"}}",
       "error: code is longer than 32 bytes"},
      {HOOK_ASKED_SEND, "{\"error\":{\"code\":\"x\",\"text\":\"\"}}",
       "error has the member \"text\", which means nothing"},
      {HOOK_ASKED_EVENT, "{\"error\":{\"code\":\"x\"}}", "an event has no sender to get an error"},
      {HOOK_ASKED_EVENT, "{\"reply\":{\"body\":\"x\"}}", "an event has no sender to get a reply"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hook_answer answer;
    char why[200] = "";
    if (hook_answer_parse(&answer, str(cases[i].text), cases[i].asked, 4, why))
      fail_msg("%s was taken", cases[i].text);
    assert_string_equal(why, cases[i].why);
    assert_null(answer.json);
  }
}

static void depth_and_headers(void **state)
{
  struct hook_answer answer;
  char text[1000], why[200];
  (void)state;
  for (int depth = 61; depth <= 62; depth++) { /* below the answer and the reply */
    int n = snprintf(text, sizeof text, "{\"reply\":{\"json\":");
    memset(text + n, '[', (size_t)depth);
    memset(text + n + depth, ']', (size_t)depth);
    snprintf(text + n + 2 * depth, sizeof text - (size_t)(n + 2 * depth), "}}");
    assert_true(hook_answer_parse(&answer, str(text), HOOK_ASKED_SUBSCRIBE, 4, why));
    hook_answer_fini(&answer);
  }
  memset(text, '[', 65);
  text[65] = '\0';
  assert_false(hook_answer_parse(&answer, str(text), HOOK_ASKED_SEND, 4, why));
  assert_string_equal(why, "it is nested deeper than 64");
  for (int n = HOOK_HEADERS_MAX; n <= HOOK_HEADERS_MAX + 1; n++) {
    size_t at = (size_t)snprintf(text, sizeof text, "{\"reply\":{\"headers\":{");
    for (int i = 0; i < n; i++)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s\"h%d\":\"v\"", i ? "," : "", i);
    snprintf(text + at, sizeof text - at, "}}}");
    bool taken = hook_answer_parse(&answer, str(text), HOOK_ASKED_SUBSCRIBE, 4, why);
    assert_int_equal(taken, n == HOOK_HEADERS_MAX);
    if (taken)
      assert_int_equal(answer.messages[0].n_headers, n);
    hook_answer_fini(&answer);
  }
  assert_string_equal(why, "reply has more than 32 headers");
}

static void content_types(void **state)
{
  (void)state;
  assert_true(hook_answer_is_json("application/json"));
  assert_true(hook_answer_is_json("Application/JSON;charset=utf-8"));
  assert_true(hook_answer_is_json("application/json ; x"));
  assert_false(hook_answer_is_json("application/jsonp"));
  assert_false(hook_answer_is_json("application/problem+json"));
  assert_false(hook_answer_is_json("text/html; application/json"));
  assert_false(hook_answer_is_json(""));
  assert_false(hook_answer_is_json(NULL));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages),      cmocka_unit_test(others),
      cmocka_unit_test(refused),       cmocka_unit_test(depth_and_headers),
      cmocka_unit_test(content_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
