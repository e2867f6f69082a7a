#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "hub/segment_regex.h"

static bool compile(struct segment_regex_builder *b, const char *regex, const char **why)
{
  b->n_code = b->n_ranges = 0;
  return segment_regex_add(b, str_of(regex), why) && segment_regex_end(b, why);
}

static bool match(const struct segment_regex_insn *code, const struct segment_regex_range *ranges,
                  uint16_t start, struct plug_str text)
{
  uint64_t left = UINT64_MAX;
  return segment_regex_match(code, ranges, start, text, &left);
}

static void expressions_match_whole_segments(void **state)
{
  (void)state;
  static const struct {
    const char *regex, *text;
    bool matches;
  } rows[] = {
      {"abc", "abc", true},
      {"abc", "xabc", false},
      {"abc", "abcx", false},
      {"", "", true},
      {"", "a", false},
      {"a|b", "b", true},
      {"a|bc|", "", true},
      {"a|bc", "ac", false},
      {"(a|b)c", "bc", true},
      {"(?:a|b)c", "ac", true},
      {"a*", "", true},
      {"a*", "aaa", true},
      {"a*", "aab", false},
      {"a+", "", false},
      {"a+", "aa", true},
      {"a?b", "b", true},
      {"a?b", "aab", false},
      {"a+?b", "aab", true},
      {"(ab)*", "abab", true},
      {"(ab)*", "aba", false},
      {"(a*)*", "aaa", true},
      {"(a*)+b", "b", true},
      {"(|a)+", "aa", true},
      {"()", "", true},
      {"a{3}", "aaa", true},
      {"a{3}", "aa", false},
      {"a{2,}", "aaaaa", true},
      {"a{2,}", "a", false},
      {"a{1,2}", "aa", true},
      {"a{1,2}", "aaa", false},
      {"a{0}b", "b", true},
      {"a{0}b", "ab", false},
      {"a{0,}b", "aab", true},
      {"(a{2}){2}", "aaaa", true},
      {"(a{2}){2}", "aaa", false},
      {"[a-c]+", "abc", true},
      {"[a-c]+", "abd", false},
      {"[^a-c]", "d", true},
      {"[^a-c]", "a", false},
      {"[a-]+", "-a", true},
      {"[-a]+", "-a", true},
      {"[\\]\\-]+", "-]", true},
      {"[\\d_]+", "1_2", true},
      {"[^\\d]", "1", false},
      {"[.*+?]", "+", true},
      {"[.*+?]", "a", false},
      {"\\d+", "123", true},
      {"\\d+", "12a", false},
      {"\\D", "a", true},
      {"\\D", "1", false},
      {"\\w+", "aZ_9", true},
      {"\\w", "-", false},
      {"\\W", "-", true},
      {"\\W", "_", false},
      {"\\s\\S", " a", true},
      {"\\S", "\t", false},
      {"a\\.b", "a.b", true},
      {"a\\.b", "axb", false},
      {"a.b", "axb", true},
      {".", "\xc3\xa9", true},
      {"[\xc3\xa9]", "\xc3\xa9", true},
      {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
      {"[^x]", "\xf0\x9f\x98\x80", true},
      {".", "\xff", true},
      {"..", "\xc3\xa9", false},
      {"^a$", "a", true},
      {"a^b", "ab", false},
      {"a$b", "ab", false},
      {"(^a|b)+", "ab", true},
      {"(^a|b)+", "ba", false},
      {"^$", "", true},
      {"a]}", "a]}", true},
      {"[0-9a-f]{8}-[0-9a-f]{4}", "0123abcd-ef01", true},
      {"[0-9a-f]{8}-[0-9a-f]{4}", "0123abcd-ef0g", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct segment_regex_builder b;
    const char *why = "";
    if (!compile(&b, rows[i].regex, &why))
      fail_msg("%s: %s", rows[i].regex, why);
    if (match(b.code, b.ranges, 0, str_of(rows[i].text)) != rows[i].matches)
      fail_msg("%s against '%s': not %d", rows[i].regex, rows[i].text, rows[i].matches);
  }
}

static void what_is_not_supported_is_named(void **state)
{
  (void)state;
  static const struct {
    const char *regex, *why;
  } rows[] = {
      {"(a", "'(' is not closed"},
      {"a)", "closes no group"},
      {"[a", "'[' is not closed"},
      {"[]", "empty"},
      {"[^]", "empty"},
      {"[z-a]", "backwards"},
      {"[[:alpha:]]", "set within"},
      {"[a&&b]", "&&"},
      {"[a-\\d]", "ends with a character"},
      {"*a", "nothing to repeat"},
      {"a|+", "nothing to repeat"},
      {"a*+", "cannot be repeated"},
      {"a{2}{3}", "cannot be repeated"},
      {"a{101}", "more than 100"},
      {"a{99999999999}", "more than 100"},
      {"a{2,1}", "repetition is written"},
      {"a{x}", "repetition is written"},
      {"a{2", "repetition is written"},
      {"(a)\\1", "escapes"},
      {"\\b", "escapes"},
      {"a\\", "backslash"},
      {"(?!a)", "groups"},
      {"(?i)a", "groups"},
      {"(a{20}){20}", "too large"},
      {"((((((((((((){100}){100}){100}){100}){100}){100}){100}){100}){100}){100}){100})",
       "too large"},
      {"((((((((((x{0}){100}){100}){100}){100}){100}){100}){100}){100}){100})", "too large"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct segment_regex_builder b;
    const char *why = "";
    if (compile(&b, rows[i].regex, &why))
      fail_msg("%s was accepted", rows[i].regex);
    if (!strstr(why, rows[i].why))
      fail_msg("%s: %s", rows[i].regex, why);
  }
}

static void longest_expressions_fit_and_longer_ones_do_not(void **state)
{
  (void)state;
  char text[SEGMENT_REGEX_TEXT_MAX + 2] = {0};
  struct segment_regex_builder b;
  const char *why;
  static const char fillers[] = "a|(*?";
  for (size_t f = 0; fillers[f]; f++) { /* none may overrun anything, whatever the verdict */
    memset(text, fillers[f], SEGMENT_REGEX_TEXT_MAX);
    compile(&b, text, &why);
  }
  for (size_t i = 0; i < SEGMENT_REGEX_TEXT_MAX; i++)
    text[i] = "a*"[i % 2];
  assert_true(compile(&b, text, &why));
  assert_true(match(b.code, b.ranges, 0, STR("aaaaaaaa")));
  text[SEGMENT_REGEX_TEXT_MAX] = 'a';
  assert_false(compile(&b, text, &why));
  assert_non_null(strstr(why, "128 bytes"));
}

static void programs_share_a_builder(void **state)
{
  (void)state;
  struct segment_regex_builder b = {.n_code = 0, .n_ranges = 0};
  const char *why;
  assert_true(segment_regex_add_literal(&b, STR("x-"), &why));
  assert_true(segment_regex_add(&b, STR("[ab]+"), &why));
  assert_true(segment_regex_end(&b, &why));
  uint16_t second = b.n_code;
  assert_true(segment_regex_add_any(&b, &why));
  assert_true(segment_regex_add_any_run(&b, &why));
  assert_true(segment_regex_add(&b, STR("[0-9]"), &why));
  assert_true(segment_regex_end(&b, &why));
  assert_true(match(b.code, b.ranges, 0, STR("x-ab")));
  assert_false(match(b.code, b.ranges, 0, STR("x-1")));
  assert_true(match(b.code, b.ranges, second, STR("abc1")));
  assert_true(match(b.code, b.ranges, second, STR("a1")));
  assert_false(match(b.code, b.ranges, second, STR("1")));
}

static void bytes_that_are_not_utf8_are_characters_of_their_own(void **state)
{
  (void)state;
  const struct plug_str texts[] = {STR("\xff"), STR("\xc3"), STR("\xe0\x80\x80"),
                                   STR("\xed\xa0\x80"), STR("\xf4\x90\x80\x80")};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    size_t at = 0;
    assert_true(segment_regex_next_char(texts[i], &at) > 0x10ffff);
    assert_int_equal(at, 1);
  }
  size_t at = 0;
  assert_int_equal(segment_regex_next_char(STR("\xf4\x8f\xbf\xbf"), &at), 0x10ffff);
  assert_int_equal(at, 4);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(expressions_match_whole_segments),
      cmocka_unit_test(what_is_not_supported_is_named),
      cmocka_unit_test(longest_expressions_fit_and_longer_ones_do_not),
      cmocka_unit_test(programs_share_a_builder),
      cmocka_unit_test(bytes_that_are_not_utf8_are_characters_of_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
