/* Tables fit 80 columns, cut what may be cut, and escape what others wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"

static const struct table_column columns[] = {{.title = "NAME", .shrinks = true},
                                              {.title = "N", .right = true},
                                              {.title = "TEXT", .shrinks = true}};

static void expect(struct table *table, bool colours, const char *expected)
{
  struct buf out = {0};
  table_print(table, &out, colours);
  buf_put_char(&out, '\0');
  assert_false(out.failed);
  assert_string_equal(out.data, expected);
  buf_free(&out);
}

static void put_row(struct table *table, const char *name, int n, const char *text)
{
  table_put(table, 0, str_of(name));
  table_putf(table, 1, "%d", n);
  table_put(table, 2, str_of(text));
}

static void columns_are_as_wide_as_they_need(void **state)
{
  struct table table;
  (void)state;
  table_init(&table, columns, 3);
  put_row(&table, "ä", 5, "x");
  put_row(&table, "bcdef", 10, "a\nb\x1b[31m");
  expect(&table, false,
         "NAME    N  TEXT\n"
         "ä       5  x\n"
         "bcdef  10  a\\x0ab\\x1b[31m\n");
  table_init(&table, columns, 3);
  expect(&table, true, "\033[1mNAME  N  TEXT\033[0m\n");
}

static void what_is_too_wide_is_cut_between_characters(void **state)
{
  char wide[300], expected[400];
  struct table table;
  (void)state;
  table_init(&table, columns, 3);
  for (size_t i = 0; i < 100; i++)
    memcpy(wide + 2 * i, "ö", 2);
  wide[200] = '\0';
  put_row(&table, "short", 1, wide);
  /* 5 + 2 + 1 + 2 + 70 = 80 */
  size_t n = 0;
  n += (size_t)snprintf(expected, sizeof expected, "NAME   N  TEXT\nshort  1  ");
  memcpy(expected + n, wide, 69 * 2);
  snprintf(expected + n + 69 * 2, sizeof expected - n - 69 * 2, "…\n");
  expect(&table, false, expected);
}

static void a_table_grows(void **state)
{
  struct table table;
  struct buf out = {0};
  (void)state;
  table_init(&table, columns, 3);
  for (int i = 0; i < 1000; i++)
    put_row(&table, "a", i, "b");
  table_print(&table, &out, false);
  assert_false(out.failed);
  assert_int_equal(out.len, 16 + 1000 * 13);
  buf_free(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_as_wide_as_they_need),
      cmocka_unit_test(what_is_too_wide_is_cut_between_characters),
      cmocka_unit_test(a_table_grows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
