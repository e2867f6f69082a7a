#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void equality_compares_bytes_and_length(void **state)
{
  (void)state;
  assert_true(str_eq(STR("abc"), STR("abc")));
  assert_false(str_eq(STR("abc"), STR("abd")));
  assert_false(str_eq(STR("abc"), STR("ab")));
  assert_true(str_eq(STR("a\0b"), STR("a\0b")));
  assert_false(str_eq(STR("a\0b"), STR("a\0c")));
  assert_true(str_eq(STR(""), str_from(NULL, 0)));
  assert_int_equal(str_of(NULL).len, 0);
}

static void equality_without_case_is_ascii_only(void **state)
{
  (void)state;
  assert_true(str_eq_nocase(STR("Content-Type"), STR("content-tYPE")));
  assert_false(str_eq_nocase(STR("a"), STR("ab")));
  assert_false(str_eq_nocase(STR("["), STR("{")));
  assert_false(str_eq_nocase(STR("@"), STR("`")));
  assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
}

static void prefixes(void **state)
{
  (void)state;
  assert_true(str_has_prefix(STR("/topic/a"), STR("/topic")));
  assert_true(str_has_prefix(STR("/topic"), STR("/topic")));
  assert_true(str_has_prefix(STR("x"), STR("")));
  assert_true(str_has_prefix(STR(""), str_from(NULL, 0)));
  assert_false(str_has_prefix(STR("/top"), STR("/topic")));
  assert_false(str_has_prefix(STR("/Topic"), STR("/topic")));
}

static void trimming_takes_blanks_and_tabs(void **state)
{
  (void)state;
  assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
  assert_true(str_eq(str_trim(STR("a")), STR("a")));
  assert_true(str_eq(str_trim(STR("\na\r")), STR("\na\r")));
  assert_int_equal(str_trim(STR(" \t ")).len, 0);
  assert_int_equal(str_trim(str_from(NULL, 0)).len, 0);
}

static void splitting_gives_every_item(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    size_t n;
    const char *items[4];
  } rows[] = {
      {"a,b,c", 3, {"a", "b", "c"}},
      {" a , b ", 2, {"a", "b"}},
      {"a,,b", 3, {"a", "", "b"}},
      {"a,", 2, {"a", ""}},
      {",", 2, {"", ""}},
      {"a", 1, {"a"}},
      {"", 1, {""}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct plug_str rest = str_of(rows[i].text), item;
    for (size_t k = 0; k < rows[i].n; k++) {
      assert_true(str_split(&rest, ',', &item));
      assert_true(str_eq(item, str_of(rows[i].items[k])));
    }
    assert_false(str_split(&rest, ',', &item));
  }
  struct plug_str nothing = str_from(NULL, 0), item;
  assert_false(str_split(&nothing, ',', &item));
}

static void copies_end_with_a_nul(void **state)
{
  (void)state;
  char *copy = str_dup(str_from("abcdef", 3));
  assert_string_equal(copy, "abc");
  free(copy);
  copy = str_dup(str_from(NULL, 0));
  assert_string_equal(copy, "");
  free(copy);
}

static void numbers_are_read_strictly(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    uint64_t value;
  } good[] = {{"0", 0}, {"007", 7}, {"18446744073709551615", UINT64_MAX}, {"10", 10}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    uint64_t v = 99;
    assert_true(str_to_u64(str_of(good[i].text), &v));
    assert_true(v == good[i].value);
  }
  static const char *const bad[] = {"",
                                    "-1",
                                    "+1",
                                    " 1",
                                    "1 ",
                                    "1.0",
                                    "0x1",
                                    "a",
                                    "18446744073709551616",
                                    "18446744073709551620",
                                    "99999999999999999999",
                                    "1/",
                                    "1:"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint64_t v = 99;
    assert_false(str_to_u64(str_of(bad[i]), &v));
    assert_int_equal(v, 99);
  }
}

static void numbers_are_written_in_decimal(void **state)
{
  (void)state;
  static const uint64_t values[] = {0,    1,    9,     10,         99,        100,
                                    101,  999,  1000,  1001,       100000,    1009900,
                                    1005, 7070, 99999, 1234567890, UINT64_MAX};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    char out[21] = {0}, expected[24];
    snprintf(expected, sizeof expected, "%llu", (unsigned long long)values[i]);
    assert_int_equal(str_put_u64(out, values[i]), strlen(expected));
    assert_string_equal(out, expected);
  }
}

static void distance_counts_edits_up_to_its_cap(void **state)
{
  (void)state;
  assert_int_equal(str_distance(STR("listen"), STR("listen"), 9), 0);
  assert_int_equal(str_distance(STR("listen"), STR("lisen"), 9), 1);
  assert_int_equal(str_distance(STR("lisen"), STR("listen"), 9), 1);
  assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 9), 3);
  assert_int_equal(str_distance(STR("ab"), STR("ba"), 9), 2);
  assert_int_equal(str_distance(STR(""), STR("abc"), 9), 3);
  assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 2), 2);
  char longer[100];
  memset(longer, 'a', sizeof longer);
  assert_int_equal(str_distance(str_from(longer, 64), STR("a"), 5), 5);
  assert_int_equal(str_distance(str_from(longer, 63), str_from(longer, 63), 5), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equality_compares_bytes_and_length),
      cmocka_unit_test(equality_without_case_is_ascii_only),
      cmocka_unit_test(prefixes),
      cmocka_unit_test(trimming_takes_blanks_and_tabs),
      cmocka_unit_test(splitting_gives_every_item),
      cmocka_unit_test(copies_end_with_a_nul),
      cmocka_unit_test(numbers_are_read_strictly),
      cmocka_unit_test(numbers_are_written_in_decimal),
      cmocka_unit_test(distance_counts_edits_up_to_its_cap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
