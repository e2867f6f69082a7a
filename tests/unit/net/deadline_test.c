/* The deadline in a real loop. Times are checked from below only. */
#include "net/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct world {
  uv_loop_t loop;
  struct deadline deadline;
  uv_prepare_t prepare;
  uv_timer_t other; /* somebody else's */
  uint64_t start_ms, passed_ms, other_ms;
  int n_passed, n_other;
  unsigned n_waits;
  bool limited; /* a wait had a time limit, or was none */
} w;

static void stop_when_all_came(void)
{
  if (w.n_passed && w.n_other)
    uv_stop(&w.loop);
}

static void on_passed(struct deadline *me)
{
  assert_true(me->due_ms == UINT64_MAX);
  w.n_passed++;
  w.passed_ms = uv_now(&w.loop) - w.start_ms;
  stop_when_all_came();
}

static void on_other(uv_timer_t *timer)
{
  assert_ptr_equal(timer, &w.other);
  w.n_other++;
  w.other_ms = uv_now(&w.loop) - w.start_ms;
  stop_when_all_came();
}

static void on_prepare(uv_prepare_t *prepare)
{
  (void)prepare;
  deadline_before_wait(&w.deadline);
  w.limited |= uv_backend_timeout(&w.loop) != -1;
  w.n_waits++;
}

static int setup(void **state)
{
  (void)state;
  memset(&w, 0, sizeof w);
  uv_loop_init(&w.loop);
  uv_timer_init(&w.loop, &w.other);
  assert_int_equal(deadline_init(&w.deadline, &w.loop, on_passed), 0);
  deadline_adopt_timers(&w.deadline);
  uv_prepare_init(&w.loop, &w.prepare);
  uv_prepare_start(&w.prepare, on_prepare);
  uv_run(&w.loop, UV_RUN_NOWAIT); /* before its first turn the loop tells no limits */
  w.limited = false;
  w.n_waits = 0;
  uv_update_time(&w.loop);
  w.start_ms = uv_now(&w.loop);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  deadline_close(&w.deadline);
  uv_close((uv_handle_t *)&w.other, NULL);
  uv_close((uv_handle_t *)&w.prepare, NULL);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  return uv_loop_close(&w.loop);
}

static void in(uint64_t ms)
{
  deadline_set(&w.deadline, w.start_ms + ms);
}

static void it_passes_in_time_and_lets_the_loop_wait_without_limit(void **state)
{
  (void)state;
  w.n_other = 1; /* not waited for */
  in(40);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_passed, 1);
  assert_true(w.passed_ms >= 40);
  assert_false(w.limited);
  assert_in_range(w.n_waits, 1, 3);
}

static void the_last_setting_counts(void **state)
{
  (void)state;
  w.n_other = 1;
  in(60000);
  in(20);
  in(80); /* the descriptor comes for the 20 */
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_passed, 1);
  assert_true(w.passed_ms >= 80);
  w.n_passed = 0;
  in(100);
  deadline_set(&w.deadline, UINT64_MAX);
  uv_timer_start(&w.other, on_other, 200, 0);
  while (w.n_other < 2)
    uv_run(&w.loop, UV_RUN_ONCE);
  assert_int_equal(w.n_passed, 0);
}

static void what_has_passed_already_comes_at_once(void **state)
{
  (void)state;
  w.n_other = 1;
  deadline_set(&w.deadline, 1);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_passed, 1);
}

static void far_timers_of_others_come_in_time_and_once(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other, 90, 0);
  in(200);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_true(w.other_ms >= 90);
  assert_true(w.passed_ms >= 200);
  assert_int_equal(w.n_other, 1);
}

static void while_they_wait_the_loop_has_no_limit(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other, 60000, 0);
  w.n_other = 1;
  in(30);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_passed, 1);
  assert_false(w.limited);
  assert_in_range(w.n_waits, 1, 3);
}

static void near_ones_are_left_to_libuv(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other, 10, 0);
  deadline_before_wait(&w.deadline);
  assert_true(uv_is_active((uv_handle_t *)&w.other));
  w.n_passed = 1;
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_other, 1);
}

static void an_owner_may_start_its_timer_anew(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other, 60000, 0);
  deadline_before_wait(&w.deadline);
  assert_false(uv_is_active((uv_handle_t *)&w.other));
  uv_timer_start(&w.other, on_other, 70, 0);
  in(150);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_other, 1);
  assert_true(w.other_ms >= 70 && w.other_ms < 60000);
}

static void started_anew_for_soon_it_comes_once(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other, 80, 0);
  deadline_before_wait(&w.deadline);
  uv_timer_start(&w.other, on_other, 5, 0);
  in(150);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_passed, 1);
  assert_int_equal(w.n_other, 1);
}

static void started_anew_for_later_it_does_not_come_early(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other, 60, 0);
  deadline_before_wait(&w.deadline);
  uv_timer_start(&w.other, on_other, 200, 0);
  w.n_passed = 1;
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_other, 1);
  assert_true(w.other_ms >= 200);
}

static void on_other_again(uv_timer_t *timer)
{
  if (++w.n_other < 4)
    uv_timer_start(timer, on_other_again, 60, 0);
  w.other_ms = uv_now(&w.loop) - w.start_ms;
  stop_when_all_came();
}

static void it_may_start_itself_anew(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other_again, 60, 0);
  in(400);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_other, 4);
  assert_true(w.other_ms >= 240);
}

static void on_passed_twice(struct deadline *me)
{
  if (++w.n_passed < 2) {
    in(500);
    in(90);
    in(60);
    return;
  }
  w.passed_ms = uv_now(&w.loop) - w.start_ms;
  (void)me;
  uv_stop(&w.loop);
}

static void it_may_be_set_while_it_passes(void **state)
{
  (void)state;
  w.deadline.passed = on_passed_twice;
  in(20);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_passed, 2);
  assert_true(w.passed_ms >= 60);
}

static void on_own(uv_timer_t *timer)
{
  (void)timer;
  uv_stop(&w.loop);
}

static void timers_that_came_later_are_not_touched(void **state)
{
  (void)state;
  uv_timer_t own;
  uv_timer_init(&w.loop, &own);
  uv_timer_start(&own, on_own, 70, 0);
  deadline_before_wait(&w.deadline);
  assert_true(uv_is_active((uv_handle_t *)&own));
  uv_run(&w.loop, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&own, NULL);
  uv_run(&w.loop, UV_RUN_NOWAIT);
}

static void once_closed_it_is_set_no_more(void **state)
{
  (void)state;
  deadline_close(&w.deadline);
  uv_run(&w.loop, UV_RUN_NOWAIT);
  in(1);
  uv_timer_start(&w.other, on_other, 30, 0);
  w.n_passed = 1;
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_passed, 1);
}

static void on_passed_close(struct deadline *me)
{
  w.n_passed++;
  deadline_close(me);
}

static void it_may_be_closed_while_it_passes(void **state)
{
  (void)state;
  w.deadline.passed = on_passed_close;
  in(20);
  uv_timer_start(&w.other, on_other, 60, 0);
  while (!w.n_other)
    uv_run(&w.loop, UV_RUN_ONCE);
  in(70);
  assert_int_equal(w.n_passed, 1);
}

static void closing_gives_them_back(void **state)
{
  (void)state;
  uv_timer_start(&w.other, on_other, 60000, 0);
  deadline_before_wait(&w.deadline);
  deadline_close(&w.deadline);
  assert_true(uv_is_active((uv_handle_t *)&w.other));
  w.n_passed = 1;
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.n_other, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(it_passes_in_time_and_lets_the_loop_wait_without_limit),
      TEST(the_last_setting_counts),
      TEST(what_has_passed_already_comes_at_once),
      TEST(far_timers_of_others_come_in_time_and_once),
      TEST(while_they_wait_the_loop_has_no_limit),
      TEST(near_ones_are_left_to_libuv),
      TEST(an_owner_may_start_its_timer_anew),
      TEST(started_anew_for_soon_it_comes_once),
      TEST(started_anew_for_later_it_does_not_come_early),
      TEST(it_may_start_itself_anew),
      TEST(it_may_be_set_while_it_passes),
      TEST(timers_that_came_later_are_not_touched),
      TEST(it_may_be_closed_while_it_passes),
      TEST(closing_gives_them_back),
      TEST(once_closed_it_is_set_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
