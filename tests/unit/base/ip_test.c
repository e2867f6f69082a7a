#include "base/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"

static void addresses_of_both_kinds(void **state)
{
  (void)state;
  uint8_t a[16], b[16];
  assert_true(ip_parse(STR("192.0.2.1"), a));
  assert_true(ip_is_v4(a));
  assert_int_equal(a[12], 192);
  assert_int_equal(a[15], 1);
  ip_set_v4(b, "\xc0\x00\x02\x01");
  assert_memory_equal(a, b, 16);
  assert_true(ip_parse(STR("::ffff:192.0.2.1"), b));
  assert_memory_equal(a, b, 16);
  assert_true(ip_parse(STR("2001:db8::1"), a));
  assert_false(ip_is_v4(a));
  assert_int_equal(a[1], 0x01);
}

static void other_texts_are_none(void **state)
{
  (void)state;
  static const struct plug_str texts[] = {
      {"", 0},          {"1", 1},         {"1.2.3", 5},     {"1.2.3.4.5", 9},
      {"256.1.1.1", 9}, {"1.2.3.4\0", 8}, {"[::1]", 5},     {"::1%lo", 6},
      {":::", 3},       {" 1.2.3.4", 8},  {"localhost", 9}, {"1.2.3.4:5", 9},
  };
  uint8_t address[16], before[16];
  memset(address, 7, sizeof address);
  memset(before, 7, sizeof before);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_false(ip_parse(texts[i], address));
    assert_memory_equal(address, before, sizeof address);
  }
  char longer[200];
  memset(longer, '1', sizeof longer);
  assert_false(ip_parse(str_from(longer, sizeof longer), address));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_of_both_kinds),
      cmocka_unit_test(other_texts_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
