#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

static void puts_append(void **state)
{
  (void)state;
  struct buf b = {0};
  buf_put(&b, "abc", 3);
  buf_put(&b, NULL, 0);
  buf_put_str(&b, STR("d\0e"));
  buf_put_str(&b, str_from(NULL, 0));
  buf_put_char(&b, 'f');
  assert_int_equal(b.len, 7);
  assert_memory_equal(b.data, "abcd\0ef", 7);
  buf_free(&b);
  assert_null(b.data);
  assert_int_equal(b.len, 0);
  assert_int_equal(b.cap, 0);
}

static void contents_survive_growth(void **state)
{
  (void)state;
  struct buf b = {0};
  for (unsigned i = 0; i < 100000; i++)
    buf_put_char(&b, (char)(i % 251));
  assert_int_equal(b.len, 100000);
  for (unsigned i = 0; i < 100000; i++)
    if (b.data[i] != (char)(i % 251))
      fail_msg("byte %u was lost", i);
  buf_free(&b);
}

static void reserve_makes_room_without_changing_the_length(void **state)
{
  (void)state;
  struct buf b = {0};
  assert_true(buf_reserve(&b, 1000));
  assert_int_equal(b.len, 0);
  assert_true(b.cap >= 1000);
  char *data = b.data;
  for (unsigned i = 0; i < 1000; i++)
    buf_put_char(&b, 'x');
  assert_ptr_equal(b.data, data);
  buf_free(&b);
}

static void formatting_appends_without_its_nul(void **state)
{
  (void)state;
  struct buf b = {0};
  buf_putf(&b, "%d-%s", 42, "x");
  buf_putf(&b, "%s", "");
  assert_int_equal(b.len, 4);
  assert_memory_equal(b.data, "42-x", 4);
  buf_putf(&b, "%0500d", 7);
  assert_int_equal(b.len, 504);
  assert_int_equal(b.data[503], '7');
  buf_free(&b);
}

static void failure_sticks_and_later_puts_do_nothing(void **state)
{
  (void)state;
  struct buf b = {0};
  buf_put(&b, "ab", 2);
  assert_false(buf_reserve(&b, SIZE_MAX / 2));
  assert_true(b.failed);
  buf_put(&b, "cd", 2);
  buf_putf(&b, "%d", 1);
  assert_false(buf_reserve(&b, 1));
  assert_int_equal(b.len, 2);
  assert_memory_equal(b.data, "ab", 2);
  buf_free(&b);
  assert_false(b.failed);
}

static void consuming_drops_from_the_front(void **state)
{
  (void)state;
  struct buf b = {0};
  buf_put(&b, "abcdef", 6);
  buf_consume(&b, 2);
  assert_int_equal(b.len, 4);
  assert_memory_equal(b.data, "cdef", 4);
  buf_consume(&b, 0);
  buf_consume(&b, 4);
  assert_int_equal(b.len, 0);
  buf_free(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(puts_append),
      cmocka_unit_test(contents_survive_growth),
      cmocka_unit_test(reserve_makes_room_without_changing_the_length),
      cmocka_unit_test(formatting_appends_without_its_nul),
      cmocka_unit_test(failure_sticks_and_later_puts_do_nothing),
      cmocka_unit_test(consuming_drops_from_the_front),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
