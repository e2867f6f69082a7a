#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "http/http_query.h"

static enum http_query_result find(const char *query, const char *name, const char *value)
{
  struct buf out = {0};
  enum http_query_result result = http_query_find(str_of(query), str_of(name), &out);
  assert_int_equal(out.len, strlen(value));
  if (out.len)
    assert_memory_equal(out.data, value, out.len);
  buf_free(&out);
  return result;
}

static void values_are_decoded(void **state)
{
  (void)state;
  assert_int_equal(find("a=1&b=2", "b", "2"), HTTP_QUERY_FOUND);
  assert_int_equal(find("a=%2Ftopic%2fx+y", "a", "/topic/x y"), HTTP_QUERY_FOUND);
  assert_int_equal(find("a=b=c", "a", "b=c"), HTTP_QUERY_FOUND);
  assert_int_equal(find("a", "a", ""), HTTP_QUERY_FOUND);
  assert_int_equal(find("&&a=1&", "a", "1"), HTTP_QUERY_FOUND);
}

static void what_is_not_there_once_is_not_found(void **state)
{
  (void)state;
  assert_int_equal(find("", "a", ""), HTTP_QUERY_ABSENT);
  assert_int_equal(find("aa=1&=a", "a", ""), HTTP_QUERY_ABSENT);
  assert_int_equal(find("a=1&a=1", "a", ""), HTTP_QUERY_TWICE);
  assert_int_equal(find("a=x%4", "a", ""), HTTP_QUERY_BAD);
  assert_int_equal(find("a=%zz", "a", ""), HTTP_QUERY_BAD);
}

static void the_first_unknown_name_is_told(void **state)
{
  (void)state;
  const char *const names[] = {"a", "b"};
  assert_int_equal(http_query_unknown(STR("a=1&b=2"), names, 2).len, 0);
  struct plug_str unknown = http_query_unknown(STR("a=1&cc=2&d"), names, 2);
  assert_true(str_eq(unknown, STR("cc")));
  assert_true(str_eq(http_query_unknown(STR("x"), NULL, 0), STR("x")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_decoded),
      cmocka_unit_test(what_is_not_there_once_is_not_found),
      cmocka_unit_test(the_first_unknown_name_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
