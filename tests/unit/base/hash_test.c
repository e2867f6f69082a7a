#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

/* From an independent implementation, which was checked against the vectors of the SipHash paper.
 */
static void hashes_are_siphash_1_3(void **state)
{
  (void)state;
  char bytes[64];
  for (int i = 0; i < 64; i++)
    bytes[i] = (char)i;
  const struct {
    struct plug_str text;
    uint64_t hash;
  } rows[] = {
      {STR(""), 0xde3a0c66bc5f3c3cu},
      {STR("a"), 0xcfc6dd3f2f4fc2b2u},
      {STR("1234567"), 0x28f288eef9c85035u},
      {STR("12345678"), 0x2335e3044e36050au},
      {STR("123456789"), 0xbd8b19836e4e5e6au},
      {STR("/topic/room.1"), 0xedbaf5c66a9acddbu},
      {str_from(bytes, sizeof bytes), 0xc4eb613f49746df1u},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_true(hash_bytes(rows[i].text.ptr, rows[i].text.len) == rows[i].hash);
}

static void low_bits_spread_over_buckets(void **state)
{
  (void)state;
  unsigned buckets[64] = {0};
  for (unsigned i = 0; i < 6400; i++) {
    char key[24];
    int n = snprintf(key, sizeof key, "/topic/room/%u", i);
    buckets[hash_bytes(key, (size_t)n) % 64]++;
  }
  for (unsigned i = 0; i < 64; i++)
    assert_in_range(buckets[i], 50, 160);
}

/* Last: it changes the seed for good. */
static void a_seed_changes_the_hashes(void **state)
{
  (void)state;
  uint64_t before = hash_bytes("a", 1);
  hash_seed();
  uint64_t after = hash_bytes("a", 1);
  assert_true(before != after);
  assert_true(hash_bytes("a", 1) == after);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hashes_are_siphash_1_3),
      cmocka_unit_test(low_bits_spread_over_buckets),
      cmocka_unit_test(a_seed_changes_the_hashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
