/* Messages that came before are known, up to a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/seen.h"

static void a_message_is_one_per_subscription(void **state)
{
  struct seen seen = {0};
  (void)state;
  assert_false(seen_add(&seen, STR("sub-0"), STR("m1")));
  assert_true(seen_add(&seen, STR("sub-0"), STR("m1")));
  assert_false(seen_add(&seen, STR("sub-1"), STR("m1")));
  assert_false(seen_add(&seen, STR("sub-0"), STR("m2")));
  assert_false(seen_add(&seen, STR("sub-0m"), STR("1")));
  assert_false(seen_add(&seen, STR(""), STR("")));
  assert_true(seen_add(&seen, STR(""), STR("")));
  seen_forget(&seen);
  assert_false(seen_add(&seen, STR("sub-0"), STR("m1")));
  seen_forget(&seen);
}

static void the_oldest_are_forgotten(void **state)
{
  struct seen seen = {0};
  char id[16];
  (void)state;
  for (unsigned i = 0; i <= SEEN_MAX; i++) {
    snprintf(id, sizeof id, "%u", i);
    assert_false(seen_add(&seen, STR("s"), str_of(id)));
  }
  assert_int_equal(seen.map.count, SEEN_MAX);
  assert_true(seen_add(&seen, STR("s"), STR("1")));
  assert_true(seen_add(&seen, STR("s"), str_of(id)));
  assert_false(seen_add(&seen, STR("s"), STR("0"))); /* and now "1" is gone */
  assert_false(seen_add(&seen, STR("s"), STR("1")));
  seen_forget(&seen);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_is_one_per_subscription),
      cmocka_unit_test(the_oldest_are_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
