#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START 1000003u

struct timer {
  struct wheel_timer base;
  unsigned fired;
  uint64_t fired_ms;
  uint64_t again_ms; /* re-arms itself this much later */
  struct timer *stops;
};

static struct wheel wheel;

static void fire(struct wheel_timer *base, uint64_t now_ms)
{
  struct timer *t = container_of(base, struct timer, base);
  assert_false(wheel_armed(base));
  t->fired++;
  t->fired_ms = now_ms;
  if (t->again_ms)
    wheel_arm(&wheel, base, now_ms + t->again_ms);
  if (t->stops)
    wheel_stop(&wheel, &t->stops->base);
}

static int setup(void **state)
{
  (void)state;
  wheel_init(&wheel, START, fire);
  return 0;
}

static struct timer timer_make(void)
{
  return (struct timer){0};
}

static void arm(struct timer *t, uint64_t due_ms)
{
  if (!t->base.link.next)
    wheel_timer_init(&t->base);
  wheel_arm(&wheel, &t->base, due_ms);
}

static void timers_fire_never_early_and_at_most_a_tick_late(void **state)
{
  (void)state;
  enum { N = 2000 };
  struct timer *timers = calloc(N, sizeof *timers);
  assert_non_null(timers);
  for (unsigned i = 0; i < N; i++)
    arm(&timers[i], START + 1 + i * 37u % 60000u); /* up to four turns of the wheel */
  assert_int_equal(wheel.count, N);
  for (uint64_t now = START; now <= START + 61000; now++)
    wheel_run(&wheel, now);
  for (unsigned i = 0; i < N; i++) {
    uint64_t due = timers[i].base.due_ms;
    assert_int_equal(timers[i].fired, 1);
    assert_true(timers[i].fired_ms >= due);
    assert_true(timers[i].fired_ms <= due + WHEEL_TICK_MS);
  }
  assert_int_equal(wheel.count, 0);
  free(timers);
}

static void a_loop_that_sleeps_until_next_ms_is_in_time(void **state)
{
  (void)state;
  enum { N = 50 };
  struct timer timers[N] = {0};
  for (unsigned i = 0; i < N; i++)
    arm(&timers[i], START + i * i * 20u);
  uint64_t now = START;
  unsigned wakes = 0;
  while (wheel.count) {
    uint64_t next = wheel_next_ms(&wheel);
    assert_true(next != UINT64_MAX);
    if (next > now)
      now = next;
    wheel_run(&wheel, now);
    assert_true(++wakes < 500);
  }
  for (unsigned i = 0; i < N; i++) {
    assert_int_equal(timers[i].fired, 1);
    assert_true(timers[i].fired_ms >= timers[i].base.due_ms);
    assert_true(timers[i].fired_ms <= timers[i].base.due_ms + WHEEL_TICK_MS);
  }
}

static void nothing_armed_needs_no_wake_up(void **state)
{
  (void)state;
  assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
  struct timer t = timer_make();
  arm(&t, START + 100);
  assert_true(wheel_next_ms(&wheel) >= START + 100);
  assert_true(wheel_next_ms(&wheel) <= START + 100 + WHEEL_TICK_MS);
  wheel_stop(&wheel, &t.base);
  assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
}

static void stopped_timers_do_not_fire(void **state)
{
  (void)state;
  struct timer t = timer_make();
  arm(&t, START + 50);
  assert_true(wheel_armed(&t.base));
  wheel_stop(&wheel, &t.base);
  wheel_stop(&wheel, &t.base);
  assert_false(wheel_armed(&t.base));
  wheel_run(&wheel, START + 1000);
  assert_int_equal(t.fired, 0);
}

static void arming_again_moves_the_deadline(void **state)
{
  (void)state;
  struct timer later = timer_make(), sooner = timer_make();
  arm(&later, START + 50);
  arm(&later, START + 500);
  arm(&sooner, START + 500);
  arm(&sooner, START + 50);
  assert_int_equal(wheel.count, 2);
  wheel_run(&wheel, START + 100);
  assert_int_equal(later.fired, 0);
  assert_int_equal(sooner.fired, 1);
  wheel_run(&wheel, START + 600);
  assert_int_equal(later.fired, 1);
  assert_int_equal(sooner.fired, 1);
}

static void a_time_in_the_past_fires_at_the_next_run(void **state)
{
  (void)state;
  wheel_run(&wheel, START + 5000);
  struct timer t = timer_make(), zero = timer_make();
  arm(&t, START);
  arm(&zero, 0);
  wheel_run(&wheel, START + 5000 + WHEEL_TICK_MS);
  assert_int_equal(t.fired, 1);
  assert_int_equal(zero.fired, 1);
}

static void far_timers_go_round_until_they_are_due(void **state)
{
  (void)state;
  const uint64_t hour = 3600u * 1000u;
  struct timer t = timer_make(), never = timer_make();
  arm(&t, START + hour);
  arm(&never, UINT64_MAX);
  for (uint64_t now = START; now < START + hour; now += 10)
    wheel_run(&wheel, now);
  assert_int_equal(t.fired, 0);
  wheel_run(&wheel, START + hour + WHEEL_TICK_MS);
  assert_int_equal(t.fired, 1);
  assert_int_equal(never.fired, 0);
  wheel_stop(&wheel, &never.base);
}

static void all_that_is_due_fires_after_a_long_sleep(void **state)
{
  (void)state;
  enum { N = 500 };
  struct timer timers[N] = {0};
  for (unsigned i = 0; i < N; i++)
    arm(&timers[i], START + i * 200u); /* to 100 s */
  struct timer later = timer_make();
  arm(&later, START + 1000000);
  wheel_run(&wheel, START + 500000);
  for (unsigned i = 0; i < N; i++)
    assert_int_equal(timers[i].fired, 1);
  assert_int_equal(later.fired, 0);
  assert_int_equal(wheel.count, 1);
  wheel_run(&wheel, START + 1000000 + WHEEL_TICK_MS);
  assert_int_equal(later.fired, 1);
}

static void a_timer_may_arm_itself_when_it_fires(void **state)
{
  (void)state;
  const uint64_t turn = (uint64_t)WHEEL_SLOTS * WHEEL_TICK_MS;
  struct timer often = timer_make(), same_slot = timer_make();
  often.again_ms = 100;
  same_slot.again_ms = turn; /* lands in the slot that is being run */
  arm(&often, START + 100);
  arm(&same_slot, START + 100);
  for (uint64_t now = START; now <= START + 10000; now++)
    wheel_run(&wheel, now);
  assert_true(often.fired >= 10000 / (100 + WHEEL_TICK_MS) && often.fired <= 100);
  assert_int_equal(same_slot.fired, 1);
  for (uint64_t now = START + 10001; now <= START + 200 + turn; now++)
    wheel_run(&wheel, now);
  assert_int_equal(same_slot.fired, 2);
}

static void re_arming_after_a_long_sleep_fires_once(void **state)
{
  (void)state;
  struct timer t = timer_make();
  t.again_ms = 1000;
  arm(&t, START + 1000);
  wheel_run(&wheel, START + 100000);
  assert_int_equal(t.fired, 1);
  assert_true(wheel_armed(&t.base));
  wheel_run(&wheel, START + 101000 + WHEEL_TICK_MS);
  assert_int_equal(t.fired, 2);
}

static void a_timer_may_stop_another_that_is_due_with_it(void **state)
{
  (void)state;
  struct timer first = timer_make(), second = timer_make(), third = timer_make();
  first.stops = &second;
  arm(&first, START + 100);
  arm(&second, START + 100);
  arm(&third, START + 100);
  wheel_run(&wheel, START + 200);
  assert_int_equal(first.fired, 1);
  assert_int_equal(second.fired, 0);
  assert_int_equal(third.fired, 1);
  assert_int_equal(wheel.count, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(timers_fire_never_early_and_at_most_a_tick_late, setup),
      cmocka_unit_test_setup(a_loop_that_sleeps_until_next_ms_is_in_time, setup),
      cmocka_unit_test_setup(nothing_armed_needs_no_wake_up, setup),
      cmocka_unit_test_setup(stopped_timers_do_not_fire, setup),
      cmocka_unit_test_setup(arming_again_moves_the_deadline, setup),
      cmocka_unit_test_setup(a_time_in_the_past_fires_at_the_next_run, setup),
      cmocka_unit_test_setup(far_timers_go_round_until_they_are_due, setup),
      cmocka_unit_test_setup(all_that_is_due_fires_after_a_long_sleep, setup),
      cmocka_unit_test_setup(a_timer_may_arm_itself_when_it_fires, setup),
      cmocka_unit_test_setup(re_arming_after_a_long_sleep_fires_once, setup),
      cmocka_unit_test_setup(a_timer_may_stop_another_that_is_due_with_it, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
