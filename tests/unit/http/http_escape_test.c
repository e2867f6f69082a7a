/* Escapes, whole and not. */
#include "http/http_escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

/* The text has exactly the memory that it needs. */
static int byte_of(const char *text, size_t at)
{
  size_t len = strlen(text);
  char *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, text, len);
  int byte = http_escape_byte(str_from(copy, len), at);
  free(copy);
  return byte;
}

static void an_escape_is_a_byte(void **state)
{
  static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
  (void)state;
  for (int c = 0; c < 256; c++) {
    char text[] = {'x', '%', lower[c >> 4], upper[c & 15], '\0'};
    assert_int_equal(byte_of(text, 1), c);
  }
}

static void nothing_else_is(void **state)
{
  static const char *const rows[] = {"",    "a",   "abc", "%",   "%4",  "%%4", "%4%", "%g1", "%1g",
                                     "% 1", "%1 ", "%+1", "%-1", "%0x", "%/1", "%:1", "%@1", "%`1"};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (byte_of(rows[i], 0) != -1)
      fail_msg("%s", rows[i]);
  assert_int_equal(byte_of("%41", 1), -1);
  assert_int_equal(byte_of("%41", 3), -1);
  assert_int_equal(byte_of("%41%4", 3), -1);
  assert_int_equal(byte_of("%41", SIZE_MAX), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_escape_is_a_byte),
      cmocka_unit_test(nothing_else_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
