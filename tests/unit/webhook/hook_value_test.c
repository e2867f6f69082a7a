/* Values of keys in a hook's section. */
#include "hook_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct plug_option number = {"n", PLUG_OPT_INTEGER, 0, NULL, "1..1000", NULL};
static const struct plug_option duration = {"d", PLUG_OPT_DURATION, 0, NULL, "0..5m", NULL};
static const struct plug_option size = {"s", PLUG_OPT_BYTES, 0, NULL, "4k..4g", NULL};
static const struct plug_option choice = {"c", PLUG_OPT_CHOICE, 0, NULL, "one|two|three", NULL};

static struct plug_str str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static void taken(void **state)
{
  static const struct {
    const struct plug_option *option;
    const char *text;
    uint64_t value;
  } cases[] = {
      {&number, "1", 1},         {&number, "1000", 1000},   {&duration, "0", 0},
      {&duration, "250ms", 250}, {&duration, "10s", 10000}, {&duration, "5m", 300000},
      {&duration, "0h", 0},      {&size, "4096", 4096},     {&size, "64k", 65536},
      {&size, "16m", 16u << 20}, {&size, "4g", 4ull << 30}, {&choice, "one", 0},
      {&choice, "two", 1},       {&choice, "three", 2},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char why[160];
    uint64_t value = 77;
    assert_true(hook_value_parse(cases[i].option, str(cases[i].text), &value, why));
    assert_int_equal(value, cases[i].value);
  }
}

static void refused(void **state)
{
  static const struct {
    const struct plug_option *option;
    const char *text, *why;
  } cases[] = {
      {&number, "", "is not a number"},
      {&number, "-1", "is not a number"},
      {&number, "1 ", "is not a number"},
      {&number, "1k", "is not a number"},
      {&number, "9999999999999999999999", "is not a number"},
      {&number, "0", "is not within 1..1000"},
      {&number, "1001", "is not within 1..1000"},
      {&duration, "5", "is not a duration such as 250ms, 10s or 5m"},
      {&duration, "5M", "is not a duration such as 250ms, 10s or 5m"},
      {&duration, "301s", "is not within 0..5m"},
      {&size, "1t", "is not a size such as 512, 64k or 16m"},
      {&size, "1k", "is not within 4k..4g"},
      {&size, "999999999999g", "is not within 4k..4g"},
      {&size, "17179869184g", "is not within 4k..4g"}, /* 2^64 */
      {&size, "17179869185g", "is not within 4k..4g"},
      {&choice, "", "is not one of one|two|three"},
      {&choice, "on", "is not one of one|two|three"},
      {&choice, "one|two", "is not one of one|two|three"},
      {&choice, "three|", "is not one of one|two|three"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char why[160] = "";
    uint64_t value;
    assert_false(hook_value_parse(cases[i].option, str(cases[i].text), &value, why));
    assert_string_equal(why, cases[i].why);
  }
}

static void lists(void **state)
{
  struct plug_str rest = str(" /a , ,/b/{c:[0-9]{1,3}}\t,/d"), item;
  static const char *const expected[] = {"/a", "/b/{c:[0-9]{1,3}}", "/d"};
  (void)state;
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    assert_true(hook_value_item(&rest, &item));
    assert_true(hook_eq(item, expected[i]));
  }
  assert_false(hook_value_item(&rest, &item));
  rest = str("a},{b,c"); /* braces that do not match */
  assert_true(hook_value_item(&rest, &item));
  assert_true(hook_eq(item, "a}"));
  assert_true(hook_value_item(&rest, &item));
  assert_true(hook_eq(item, "{b,c"));
  assert_false(hook_value_item(&rest, &item));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(taken),
      cmocka_unit_test(refused),
      cmocka_unit_test(lists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
