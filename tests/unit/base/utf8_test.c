#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define W(literal) ("" literal), sizeof(literal) - 1

struct row {
  const char *bytes;
  size_t len;
  bool valid;
};

static const struct row rows[] = {
    {W(""), true},
    {W("a"), true},
    {W("\0\x01\x7f"), true},
    {W("plain text that is longer than one word"), true},
    {W("\xc2\x80"), true},                 /* U+0080 */
    {W("\xdf\xbf"), true},                 /* U+07FF */
    {W("\xe0\xa0\x80"), true},             /* U+0800 */
    {W("\xe2\x82\xac"), true},             /* the euro sign */
    {W("\xec\xbf\xbf\xed\x80\x80"), true}, /* around U+D000 */
    {W("\xed\x9f\xbf"), true},             /* U+D7FF */
    {W("\xee\x80\x80"), true},             /* U+E000 */
    {W("\xef\xbf\xbf"), true},             /* U+FFFF */
    {W("\xf0\x90\x80\x80"), true},         /* U+10000 */
    {W("\xf1\x80\x80\x80\xf3\xbf\xbf\xbf"), true},
    {W("\xf4\x8f\xbf\xbf"), true}, /* U+10FFFF */
    {W("1234567\xc3\xa4"), true},  /* across the word of the fast path */
    {W("12345678\xc3\xa4"), true},
    {W("\xc3\xa4"
       "12345678\xf0\x9f\x98\x80"
       "1"),
     true},
    {W("\x80"), false}, /* continuation without a lead */
    {W("\xbf"), false},
    {W("a\x80"), false},
    {W("\xc3\xa4\xa4"), false},
    {W("\xc0\x80"), false}, /* overlong */
    {W("\xc0\xaf"), false},
    {W("\xc1\xbf"), false},
    {W("\xe0\x80\x80"), false},
    {W("\xe0\x9f\xbf"), false},
    {W("\xf0\x80\x80\x80"), false},
    {W("\xf0\x8f\xbf\xbf"), false},
    {W("\xed\xa0\x80"), false}, /* surrogates */
    {W("\xed\xbf\xbf"), false},
    {W("\xf4\x90\x80\x80"), false}, /* beyond U+10FFFF */
    {W("\xf5\x80\x80\x80"), false},
    {W("\xf8\x88\x80\x80\x80"), false},
    {W("\xfe"), false},
    {W("\xff"), false},
    {W("\xc3"), false}, /* cut */
    {W("\xe2\x82"), false},
    {W("\xf0\x9f\x98"), false},
    {W("abc\xe2"), false},
    {W("\xc3"
       "a"),
     false}, /* lead without continuation */
    {W("\xe2\x82"
       "a"),
     false},
    {W("\xe2\xe2\x82\xac"), false},
    {W("\xf0\x9f\x98\xc3\xa4"), false},
    {W("12345678\xff"
       "12345678"),
     false},
};

static bool fed_in_two(const struct row *row, size_t split)
{
  struct utf8_state state = {0};
  return utf8_feed(&state, row->bytes, split) &&
         utf8_feed(&state, row->bytes + split, row->len - split) && utf8_done(&state);
}

static bool fed_byte_by_byte(const struct row *row)
{
  struct utf8_state state = {0};
  for (size_t i = 0; i < row->len; i++)
    if (!utf8_feed(&state, row->bytes + i, 1))
      return false;
  return utf8_done(&state);
}

static void texts_are_judged_alike_however_they_are_split(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (utf8_valid(rows[i].bytes, rows[i].len) != rows[i].valid)
      fail_msg("row %zu", i);
    for (size_t split = 0; split <= rows[i].len; split++)
      if (fed_in_two(&rows[i], split) != rows[i].valid)
        fail_msg("row %zu split at %zu", i, split);
    if (fed_byte_by_byte(&rows[i]) != rows[i].valid)
      fail_msg("row %zu byte by byte", i);
  }
}

/* The fast path looks at several bytes at once, at some twice. */
static void a_bad_byte_is_found_wherever_it_is(void **state)
{
  (void)state;
  for (size_t len = 1; len <= 150; len++) {
    char *text = malloc(len); /* of its own, so that reading beyond it is noticed */
    assert_non_null(text);
    memset(text, 'a', len);
    assert_true(utf8_valid(text, len));
    for (size_t i = 0; i < len; i++) {
      text[i] = (char)0xff;
      assert_false(utf8_valid(text, len));
      text[i] = 'a';
      if (i + 1 == len)
        continue;
      memcpy(text + i, "\xc3\xa4", 2);
      assert_true(utf8_valid(text, len));
      memcpy(text + i, "aa", 2);
    }
    free(text);
  }
}

static void every_code_point_is_accepted_and_every_surrogate_refused(void **state)
{
  (void)state;
  for (uint32_t c = 0; c <= 0x110000; c++) {
    unsigned char s[4];
    size_t n;
    if (c < 0x80) {
      s[0] = (unsigned char)c;
      n = 1;
    } else if (c < 0x800) {
      s[0] = (unsigned char)(0xc0 | c >> 6);
      n = 2;
    } else if (c < 0x10000) {
      s[0] = (unsigned char)(0xe0 | c >> 12);
      n = 3;
    } else {
      s[0] = (unsigned char)(0xf0 | c >> 18);
      n = 4;
    }
    for (size_t i = 1; i < n; i++)
      s[i] = (unsigned char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
    bool valid = (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;
    if (utf8_valid(s, n) != valid)
      fail_msg("U+%04X", c);
  }
}

static void a_text_is_not_done_within_a_character(void **state)
{
  (void)state;
  struct utf8_state s = {0};
  assert_true(utf8_done(&s));
  assert_true(utf8_feed(&s, "a\xe2", 2));
  assert_false(utf8_done(&s));
  assert_true(utf8_feed(&s, "", 0));
  assert_true(utf8_feed(&s, "\x82", 1));
  assert_false(utf8_done(&s));
  assert_true(utf8_feed(&s, "\xac", 1));
  assert_true(utf8_done(&s));
}

static void a_text_that_is_quoted_is_mended_byte_by_byte(void **state)
{
  (void)state;
  static const char *const quoted[][2] = {
      {"", ""},
      {"plain", "plain"},
      {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\\\xd2", "\\?"},
      {"\\\xd2'", "\\?'"},
      {"\xf0\x9f\x98", "???"},
      {"\xf0\x9f\xe2\x82\xac", "??\xe2\x82\xac"},
      {"a\x80\xbf"
       "b",
       "a??b"},
      {"\xed\xa0\x80", "???"},
      {"\xc0\x80\xff", "???"},
  };
  for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
    char text[16];
    snprintf(text, sizeof text, "%s", quoted[i][0]);
    utf8_mend(text);
    assert_string_equal(text, quoted[i][1]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_judged_alike_however_they_are_split),
      cmocka_unit_test(a_bad_byte_is_found_wherever_it_is),
      cmocka_unit_test(every_code_point_is_accepted_and_every_surrogate_refused),
      cmocka_unit_test(a_text_is_not_done_within_a_character),
      cmocka_unit_test(a_text_that_is_quoted_is_mended_byte_by_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
