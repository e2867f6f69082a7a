#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "ops/top.h"

static void add(struct top *top, const char *key)
{
  struct top_row *row = top_row(top, str_of(key));
  if (row && !row->value)
    row->value = str_dup(str_of(key));
}

static void expect(const struct top *top, const char *joined)
{
  char text[256] = "";
  for (size_t i = 0; i < top->n; i++) {
    strcat(text, top->rows[i].value);
    strcat(text, " ");
    assert_int_equal(top->rows[i].key_len, strlen(top->rows[i].value));
  }
  assert_string_equal(text, joined);
}

static void the_first_so_many_stay_in_order(void **state)
{
  (void)state;
  struct top top;
  assert_true(top_init(&top, 3, free));
  add(&top, "d");
  add(&top, "b");
  assert_false(top.more);
  expect(&top, "b d ");
  add(&top, "b");
  expect(&top, "b d ");
  add(&top, "e");
  assert_false(top.more);
  add(&top, "f");
  assert_true(top.more);
  expect(&top, "b d e ");
  add(&top, "a");
  expect(&top, "a b d ");
  add(&top, "aa");
  expect(&top, "a aa b ");
  assert_false(top.failed);
  top_fini(&top);
}

static void any_order_of_coming_gives_the_same(void **state)
{
  (void)state;
  for (unsigned factor = 1; factor < 97; factor += 5) { /* 97 is prime: all numbers come once */
    struct top top;
    assert_true(top_init(&top, 10, free));
    for (unsigned i = 0; i < 97; i++) {
      char key[8];
      snprintf(key, sizeof key, "%02u", i * factor % 97);
      add(&top, key);
    }
    expect(&top, "00 01 02 03 04 05 06 07 08 09 ");
    assert_true(top.more);
    top_fini(&top);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_so_many_stay_in_order),
      cmocka_unit_test(any_order_of_coming_gives_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
