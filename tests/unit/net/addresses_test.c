#include "net/addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct address {
  uint8_t bytes[16];
};

static struct address v4(uint8_t last)
{
  return (struct address){{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = last}};
}

static struct address v6(uint8_t subnet, uint8_t last)
{
  return (struct address){{0x20, 0x01, 0x0d, 0xb8, [7] = subnet, [15] = last}};
}

static enum addresses_verdict enter(struct addresses *addresses, struct address address,
                                    uint64_t ms)
{
  return addresses_enter(addresses, address.bytes, ms);
}

static void each_address_has_its_own_number(void **state)
{
  (void)state;
  struct addresses *all = addresses_new(2, 0);
  assert_int_equal(enter(all, v4(1), 0), ADDRESS_OK);
  assert_int_equal(enter(all, v4(1), 0), ADDRESS_OK);
  assert_int_equal(enter(all, v4(1), 0), ADDRESS_TOO_MANY);
  assert_int_equal(enter(all, v4(2), 0), ADDRESS_OK);
  addresses_leave(all, v4(1).bytes, 0);
  assert_int_equal(enter(all, v4(1), 0), ADDRESS_OK);
  assert_int_equal(enter(all, v4(1), 1000000), ADDRESS_TOO_MANY);
  addresses_free(all);
}

static void ipv6_counts_by_its_first_64_bits(void **state)
{
  (void)state;
  struct addresses *all = addresses_new(1, 0);
  assert_int_equal(enter(all, v6(1, 1), 0), ADDRESS_OK);
  assert_int_equal(enter(all, v6(1, 2), 0), ADDRESS_TOO_MANY);
  assert_int_equal(enter(all, v6(2, 1), 0), ADDRESS_OK);
  addresses_leave(all, v6(1, 99).bytes, 0);
  assert_int_equal(enter(all, v6(1, 3), 0), ADDRESS_OK);
  addresses_free(all);
}

static void a_minutes_worth_may_come_at_once(void **state)
{
  (void)state;
  struct addresses *all = addresses_new(0, 6); /* one in ten seconds */
  uint64_t now = 5000;
  for (int i = 0; i < 6; i++)
    assert_int_equal(enter(all, v4(1), now), ADDRESS_OK);
  assert_int_equal(enter(all, v4(1), now), ADDRESS_TOO_FAST);
  assert_int_equal(enter(all, v4(2), now), ADDRESS_OK);
  assert_int_equal(enter(all, v4(1), now + 9999), ADDRESS_TOO_FAST);
  assert_int_equal(enter(all, v4(1), now + 10000), ADDRESS_OK);
  assert_int_equal(enter(all, v4(1), now + 10000), ADDRESS_TOO_FAST);
  now += 10000 + 60000;
  for (int i = 0; i < 6; i++)
    assert_int_equal(enter(all, v4(1), now), ADDRESS_OK);
  assert_int_equal(enter(all, v4(1), now), ADDRESS_TOO_FAST);
  addresses_free(all);
}

static void leaving_does_not_give_the_rate_back(void **state)
{
  (void)state;
  struct addresses *all = addresses_new(10, 3);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(enter(all, v4(1), 0), ADDRESS_OK);
    addresses_leave(all, v4(1).bytes, 0);
  }
  assert_int_equal(enter(all, v4(1), 0), ADDRESS_TOO_FAST);
  addresses_leave(all, v4(7).bytes, 0); /* who never came does no harm */
  assert_int_equal(enter(all, v4(1), 20000), ADDRESS_OK);
  addresses_free(all);
}

static void many_addresses_come_and_are_forgotten(void **state)
{
  (void)state;
  struct addresses *all = addresses_new(1, 1);
  uint64_t now = 0;
  for (int round = 0; round < 3; round++, now += 61000) {
    for (int i = 0; i < 60000; i++) {
      struct address address = v6((uint8_t)i, 0);
      address.bytes[6] = (uint8_t)(i >> 8);
      assert_int_equal(enter(all, address, now), ADDRESS_OK);
      addresses_leave(all, address.bytes, now);
    }
  }
  addresses_free(all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_address_has_its_own_number),
      cmocka_unit_test(ipv6_counts_by_its_first_64_bits),
      cmocka_unit_test(a_minutes_worth_may_come_at_once),
      cmocka_unit_test(leaving_does_not_give_the_rate_back),
      cmocka_unit_test(many_addresses_come_and_are_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
