#include "ops/drain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct drain_plan plan_of(uint64_t rate, uint64_t overlap_ms, uint64_t n, uint64_t time_ms)
{
  const struct settings settings = {
      .drain_rate = rate, .drain_overlap_ms = overlap_ms, .drain_reconnect_ms = 1000};
  return drain_plan_for(&settings, n, time_ms);
}

static void few_sessions_take_no_longer_than_the_rate_asks_for(void **state)
{
  (void)state;
  struct drain_plan plan = plan_of(500, 5000, 90, 8000);
  assert_false(plan.hurried);
  assert_int_equal(plan.span_ms, 226);
  assert_int_equal(plan.overlap_ms, 4000);
  assert_true(plan.per_s <= 400);
}

static void the_rate_is_kept_up_to_the_last_session_that_fits(void **state)
{
  (void)state;
  for (uint64_t rate = 1; rate <= 100000; rate = rate * 3 + 1)
    for (uint64_t n = 1; n < 300000; n = n * 2 + 1) {
      struct drain_plan plan = plan_of(rate, 2000, n, 10000);
      assert_int_equal(plan.overlap_ms, 3100);
      assert_true(plan.span_ms <= 6900);
      assert_int_equal(plan.hurried, n * 1250 / rate + 1 > 6900);
      if (!plan.hurried)
        assert_true(n * 1000 <= rate * plan.span_ms);
      assert_true(plan.per_s * plan.span_ms >= n * 1000);
    }
}

static void too_many_are_spread_evenly_over_all_of_the_time(void **state)
{
  (void)state;
  struct drain_plan plan = plan_of(100, 0, 80000, 8000);
  assert_true(plan.hurried);
  assert_int_equal(plan.span_ms, 8000);
  assert_int_equal(plan.per_s, 10000);
}

static void no_time_is_no_division_by_zero(void **state)
{
  (void)state;
  struct drain_plan plan = plan_of(1, 0, 7, 0);
  assert_true(plan.hurried);
  assert_int_equal(plan.span_ms, 0);
  assert_int_equal(plan.per_s, 7);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_sessions_take_no_longer_than_the_rate_asks_for),
      cmocka_unit_test(the_rate_is_kept_up_to_the_last_session_that_fits),
      cmocka_unit_test(too_many_are_spread_evenly_over_all_of_the_time),
      cmocka_unit_test(no_time_is_no_division_by_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
