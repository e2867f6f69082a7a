/* The JSON scanner: what is JSON, where values end, what strings say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis_json.h"

static struct plug_str S(const char *s) {
  return redis_str(s);
}

static void
json_is_told_from_what_is_not(void **state)
{
  static const char *const good[] = {
      "1",
      "-0",
      "0.5e-10",
      "1E+2",
      "true",
      "false",
      "null",
      "\"\"",
      "[]",
      "{}",
      " [ ] ",
      "\t{\n}\r",
      "[1,2,[3,{}]]",
      "{\"a\":[]}",
      "[[],[]]",
      "\"\\u0000\\ud800\\/\"",
      "\"\xED\x95\x9C\xF0\x9F\x98\x80\"",
      "{\"a\":1,\"a\":2}",
      "[\"\\\"\"]",
      "123456789012345678901234567890",
      "\"\x7F\"",
  };
  static const char *const bad[] = {
      "",
      " ",
      "01",
      "1.",
      ".5",
      "+1",
      "-",
      "1e",
      "tru",
      "truex",
      "nul",
      "[",
      "]",
      "{",
      "[1,]",
      "[,1]",
      "{\"a\"}",
      "{\"a\":}",
      "{a:1}",
      "{\"a\":1,}",
      "[1 2]",
      "\"",
      "\"\\\"",
      "\"\\x\"",
      "\"\\u12\"",
      "\"\\u12g4\"",
      "\"\n\"",
      "1 2",
      "[}",
      "{]",
      "{1:2}",
      "'a'",
      "\xEF\xBB\xBF{}",
      "\"\xFF\"",
      "\"\xC0\x80\"",
      "\"\xED\xA0\x80\"",
      "\"\xF4\x90\x80\x80\"",
      "\"\xE3\x81\"",
      "NaN",
      "Infinity",
      "[1]]",
      "//c\n1",
      "\x01",
  };
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!redis_json_valid(S(good[i]), REDIS_JSON_MAX_DEPTH))
      fail_msg("refused: %s", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (redis_json_valid(S(bad[i]), REDIS_JSON_MAX_DEPTH))
      fail_msg("accepted: %s", bad[i]);
}

static void every_prefix_of_a_document_is_refused(void **state)
{
  static const char text[] = "{\"a\":[1,-2.5e3,true,false,null,\"x\\u00e9\\n\",{\"b\":{}}]}";
  (void)state;
  assert_true(redis_json_valid(S(text), 8));
  for (size_t n = 0; n < sizeof text - 1; n++) {
    char *copy = malloc(n + 1); /* of the exact size, for the sanitizer */
    assert_non_null(copy);
    memcpy(copy, text, n);
    assert_false(redis_json_valid((struct plug_str){copy, n}, 8));
    free(copy);
  }
}

static void nesting_is_bounded(void **state)
{
  enum { N = REDIS_JSON_MAX_DEPTH };
  char text[2 * (N + 1) + 1];
  (void)state;
  for (unsigned depth = 1; depth <= N + 1; depth++) {
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    struct plug_str s = {text, (size_t)2 * depth};
    assert_int_equal(redis_json_valid(s, REDIS_JSON_MAX_DEPTH), depth <= N);
    assert_int_equal(redis_json_valid(s, 70), depth <= 70);
  }
  /* Objects and arrays by turns, so that every bit of the stack counts. */
  struct redis_buf deep = {0};
  for (int i = 0; i < 250; i++)
    redis_buf_put(&deep, "[{\"a\":", 6);
  redis_buf_put(&deep, "1", 1);
  for (int i = 0; i < 250; i++)
    redis_buf_put(&deep, "}]", 2);
  assert_true(redis_json_valid(redis_buf_str(&deep), REDIS_JSON_MAX_DEPTH));
  deep.ptr[deep.len - 200] = deep.ptr[deep.len - 200] == '}' ? ']' : '}';
  assert_false(redis_json_valid(redis_buf_str(&deep), REDIS_JSON_MAX_DEPTH));
  redis_buf_fini(&deep);
}

static void a_value_ends_where_it_ends(void **state)
{
  static const char text[] = " [1,{\"]\":\"}\"}] , 2";
  struct redis_json json = {text, text + sizeof text - 1};
  struct plug_str value;
  (void)state;
  assert_true(redis_json_take_value(&json, 4, &value));
  assert_true(redis_str_eq(value, S("[1,{\"]\":\"}\"}]")));
  assert_true(redis_json_take(&json, ','));
  assert_true(redis_json_take_value(&json, 4, &value));
  assert_true(redis_str_eq(value, S("2")));
}

static void strings_are_decoded(void **state)
{
  static const struct {
    const char *json, *text;
    size_t len;
  } vectors[] = {
      {"\"abc\"", "abc", 3},
      {"\"\"", "", 0},
      {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
      {"\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC", 6},
      {"\"\\uD83D\\uDE00\"", "\xF0\x9F\x98\x80", 4},
      {"\"\\ud83d\"", "\xEF\xBF\xBD", 3},
      {"\"\\ude00\"", "\xEF\xBF\xBD", 3},
      {"\"\\ud83dx\"", "\xEF\xBF\xBDx", 4},
      {"\"\\ud83d\\ud83d\\ude00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 7},
      {"\"\\ud83d\\n\"", "\xEF\xBF\xBD\n", 4},
      {"\"\\ude00\\ud83d\"", "\xEF\xBF\xBD\xEF\xBF\xBD", 6},
      {"\"a\\u0000b\"", "a\0b", 3},
  };
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct redis_buf out = {0};
    struct redis_json json = {vectors[i].json, vectors[i].json + strlen(vectors[i].json)};
    struct plug_str quoted;
    assert_true(redis_json_take_string(&json, &quoted));
    redis_json_put_unquoted(&out, quoted);
    assert_true(
        redis_str_eq(redis_buf_str(&out), (struct plug_str){vectors[i].text, vectors[i].len}));
    assert_true(redis_utf8_valid(redis_buf_str(&out)));
    redis_buf_fini(&out);
  }
}

static void what_is_quoted_says_the_same(void **state)
{
  char all[0x80 + 7];
  struct redis_buf quoted = {0}, back = {0};
  (void)state;
  for (int i = 0; i < 0x80; i++)
    all[i] = (char)i;
  memcpy(all + 0x80, "\xF0\x9F\x98\x80\xED\x95\x9C", 7);
  struct plug_str text = {all, sizeof all};
  redis_json_put_quoted(&quoted, text);
  assert_true(redis_json_valid(redis_buf_str(&quoted), 1));
  redis_json_put_unquoted(&back, redis_buf_str(&quoted));
  assert_true(redis_str_eq(redis_buf_str(&back), text));
  redis_buf_fini(&quoted);
  redis_buf_fini(&back);

  redis_json_put_quoted(&quoted, (struct plug_str){"\x01\x1F\n\"\\/", 6});
  assert_true(redis_str_eq(redis_buf_str(&quoted), S("\"\\u0001\\u001F\\n\\\"\\\\/\"")));
  redis_buf_clear(&quoted);
  redis_json_put_quoted(&quoted, (struct plug_str){NULL, 0});
  assert_true(redis_str_eq(redis_buf_str(&quoted), S("\"\"")));
  redis_buf_fini(&quoted);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_is_told_from_what_is_not),
      cmocka_unit_test(every_prefix_of_a_document_is_refused),
      cmocka_unit_test(nesting_is_bounded),
      cmocka_unit_test(a_value_ends_where_it_ends),
      cmocka_unit_test(strings_are_decoded),
      cmocka_unit_test(what_is_quoted_says_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
