/* When a node is dead, by given times: what clocks that jump and servers that stand still lead to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "redis_lease.h"

enum { TTL = 15000, RENEW = 5000, SLACK = 2500 };

static struct redis_lease lease;
static uint64_t from, to;

static enum redis_lease_verdict take(uint64_t server_ms, const char *replid, const char *alive,
                                     bool entered, uint64_t sent_ms, uint64_t now_ms)
{
  const struct redis_lease_answer answer = {server_ms, redis_str(replid), redis_str(alive)};
  return redis_lease_take(&lease, &answer, entered, sent_ms, now_ms);
}

/* Connected at 1000, when the clock of Redis says a million; entered at once. */
static int begin(void **state)
{
  (void)state;
  redis_lease_init(&lease, "node-1", TTL, RENEW);
  redis_lease_connect(&lease, 1000);
  redis_lease_rename(&lease, 1, false);
  assert_int_equal(take(1000000, "r1", "", true, 1000, 1010), REDIS_LEASE_HELD);
  return 0;
}

static void names_say_who_and_for_how_long(void **state)
{
  (void)state;
  char first[REDIS_LEASE_NAME];
  assert_string_equal(lease.name, "node-1:0000000000000001:15000");
  memcpy(first, lease.name, sizeof first);
  redis_lease_rename(&lease, UINT64_MAX, false);
  assert_string_equal(lease.name, "node-1:ffffffffffffffff:15000");
  assert_int_equal(lease.n_old, 1);
  assert_string_equal(lease.old[0], first);
  /* One that was condemned need not be condemned. */
  redis_lease_rename(&lease, 3, true);
  assert_int_equal(lease.n_old, 1);
}

static void a_long_name_of_a_node_is_cut_and_stays_unique(void **state)
{
  (void)state;
  char node[1000];
  memset(node, 'n', sizeof node - 1);
  node[sizeof node - 1] = '\0';
  redis_lease_init(&lease, node, 600000, RENEW);
  redis_lease_rename(&lease, 0xabc, false);
  assert_non_null(strstr(lease.name, ":0000000000000abc:600000"));
}

static void renewals_are_judged(void **state)
{
  (void)state;
  assert_int_equal(take(1005000, "r1", "1", false, 6000, 6010), REDIS_LEASE_HELD);
  assert_int_equal(take(1010000, "r1", "0", false, 11000, 11010), REDIS_LEASE_OVER);
  assert_int_equal(take(1010000, "r1", "", false, 11000, 11010), REDIS_LEASE_OVER);
  assert_int_equal(take(1015000, "r2", "1", false, 16000, 16010), REDIS_LEASE_STRANGE);
  /* Once: the new name is entered at that server. */
  redis_lease_rename(&lease, 2, false);
  assert_int_equal(take(1015100, "r2", "1", true, 16100, 16110), REDIS_LEASE_HELD);
  assert_int_equal(take(1020000, "r2", "11", false, 21000, 21010), REDIS_LEASE_HELD);
  /* A condemned one counts as over, wherever it is. */
  assert_int_equal(take(1025000, "r3", "01", false, 26000, 26010), REDIS_LEASE_OVER);
}

static void old_names_that_are_gone_are_forgotten(void **state)
{
  (void)state;
  redis_lease_rename(&lease, 2, false);
  redis_lease_rename(&lease, 3, false);
  redis_lease_rename(&lease, 4, false);
  assert_int_equal(lease.n_old, 3);
  assert_int_equal(take(1000100, "r1", "101", true, 1100, 1110), REDIS_LEASE_HELD);
  assert_int_equal(lease.n_old, 2);
  assert_non_null(strstr(lease.old[1], ":0000000000000003:"));
  assert_int_equal(take(1000100, "r1", "101", false, 1100, 1110), REDIS_LEASE_HELD);
  assert_int_equal(lease.n_old, 1);
  assert_non_null(strstr(lease.old[0], ":0000000000000003:"));
  /* An answer that says nothing of them. */
  assert_int_equal(take(1000100, "r1", "1", false, 1100, 1110), REDIS_LEASE_HELD);
  assert_int_equal(lease.n_old, 0);
}

static void of_too_many_old_names_the_one_with_all_members_is_kept(void **state)
{
  (void)state;
  lease.used = true;
  for (uint64_t i = 2; i < 40; i++) {
    redis_lease_rename(&lease, i, false);
    lease.used = i % 3 == 0;
  }
  assert_int_equal(lease.n_old, REDIS_LEASE_MAX_OLD);
  assert_non_null(strstr(lease.old[0], ":0000000000000001:"));
  for (uint64_t i = 40; i < 80; i++) {
    redis_lease_rename(&lease, i, false);
    lease.used = true;
  }
  assert_int_equal(lease.n_old, REDIS_LEASE_MAX_OLD);
  assert_non_null(strstr(lease.old[0], ":0000000000000001:"));
  assert_non_null(strstr(lease.old[REDIS_LEASE_MAX_OLD - 1], ":000000000000004e:"));
}

static void nobody_is_condemned_until_others_could_renew(void **state)
{
  (void)state;
  assert_false(redis_lease_bounds(&lease, 1020, &from, &to));
  assert_false(redis_lease_bounds(&lease, 15999, &from, &to));
  assert_int_equal(take(1005000, "r1", "1", false, 6000, 6010), REDIS_LEASE_HELD);
  assert_false(redis_lease_bounds(&lease, 15999, &from, &to));
  assert_true(redis_lease_bounds(&lease, 16000, &from, &to));
  /* Where the clock of Redis is to be by then, by what is known. */
  assert_int_equal(from, 1005000 + (16000 - 6010) - SLACK);
  assert_int_equal(to, 1005000 + (16000 - 6000) + SLACK);
  redis_lease_connect(&lease, 20000);
  assert_false(redis_lease_bounds(&lease, 34999, &from, &to));
  assert_false(redis_lease_bounds(&lease, 40000, &from, &to)); /* its clock is not known */
}

static void after_a_jump_of_the_clock_a_lease_goes_by(void **state)
{
  (void)state;
  static const int64_t jumps[] = {60000, -3600000, SLACK + 100, -SLACK - 100};
  for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
    begin(NULL);
    uint64_t server = UINT64_C(10000000000);
    redis_lease_connect(&lease, 0);
    take(server, "r1", "1", false, 100000, 100010);
    assert_true(redis_lease_bounds(&lease, 100011, &from, &to));
    server = (uint64_t)((int64_t)server + 5000 + jumps[i]);
    /* The lease itself is held: it is renewed by whatever the clock says. */
    assert_int_equal(take(server, "r1", "1", false, 105000, 105010), REDIS_LEASE_HELD);
    assert_false(redis_lease_bounds(&lease, 105011, &from, &to));
    assert_int_equal(take(server + 5000, "r1", "1", false, 110000, 110010), REDIS_LEASE_HELD);
    assert_false(redis_lease_bounds(&lease, 120009, &from, &to));
    assert_true(redis_lease_bounds(&lease, 120010, &from, &to));
    assert_int_equal(from, server + 5000 + (120010 - 110010) - SLACK);
  }
}

/* However long an answer is under way, the clock was read meanwhile. */
static void slow_answers_are_no_jumps(void **state)
{
  (void)state;
  redis_lease_connect(&lease, 0);
  take(1000000, "r1", "1", false, 100000, 100010);
  assert_int_equal(take(1005000, "r1", "1", false, 105000, 113000), REDIS_LEASE_HELD);
  assert_true(redis_lease_bounds(&lease, 113001, &from, &to));
  assert_int_equal(take(1020000, "r1", "1", false, 113500, 120010), REDIS_LEASE_HELD);
  assert_true(redis_lease_bounds(&lease, 120011, &from, &to));
  /* What is sent now and worked off a minute later condemns nobody. */
  assert_true(to < 1020000 + 60000);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(names_say_who_and_for_how_long, begin),
      cmocka_unit_test_setup(a_long_name_of_a_node_is_cut_and_stays_unique, begin),
      cmocka_unit_test_setup(renewals_are_judged, begin),
      cmocka_unit_test_setup(old_names_that_are_gone_are_forgotten, begin),
      cmocka_unit_test_setup(of_too_many_old_names_the_one_with_all_members_is_kept, begin),
      cmocka_unit_test_setup(nobody_is_condemned_until_others_could_renew, begin),
      cmocka_unit_test_setup(after_a_jump_of_the_clock_a_lease_goes_by, begin),
      cmocka_unit_test_setup(slow_answers_are_no_jumps, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
