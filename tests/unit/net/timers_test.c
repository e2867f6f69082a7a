/* Timers on a real descriptor. How late one fires is the machine's affair; none fires early. */
#include "net/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/timerfd.h>

#include "base/clock.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static struct poller poller;
static struct timers timers;

static int setup(void **state)
{
  (void)state;
  int why = poller_init(&poller);
  return why ? why : timers_init(&timers, &poller, clock_now_ms());
}

static int teardown(void **state)
{
  (void)state;
  timers_fini(&timers, &poller);
  poller_fini(&poller);
  return 0;
}

struct alarm {
  struct timer timer;
  uint64_t due_ms;
  unsigned times;
  void (*then)(struct alarm *alarm);
  struct alarm *other;
};

static void on_fire(struct timer *timer, uint64_t now_ms)
{
  struct alarm *alarm = container_of(timer, struct alarm, timer);
  assert_true(now_ms >= alarm->due_ms && now_ms <= clock_now_ms());
  assert_false(wheel_armed(&timer->in_wheel));
  alarm->times++;
  if (alarm->then)
    alarm->then(alarm);
}

static void arm(struct alarm *alarm, uint64_t in_ms)
{
  alarm->due_ms = clock_now_ms() + in_ms;
  timers_arm(&timers, &alarm->timer, alarm->due_ms);
}

static void init(struct alarm *alarm)
{
  *alarm = (struct alarm){0};
  timer_init(&alarm->timer, on_fire);
}

/* Turns of the loop, as a worker has them, until the alarm has gone off so many times. */
static void run_until(const struct alarm *alarm, unsigned times)
{
  while (alarm->times < times) {
    poller_wait(&poller, 60000);
    if (poller.n == 0)
      fail_msg("no timer in a minute");
    poller_dispatch(&poller);
  }
}

/* Until when the descriptor is quiet, in milliseconds from now; 0: it is not set. */
static uint64_t quiet_for(void)
{
  struct itimerspec left;
  assert_int_equal(timerfd_gettime(timers.watch.fd, &left), 0);
  return (uint64_t)left.it_value.tv_sec * 1000 +
         ((uint64_t)left.it_value.tv_nsec + 999999) / 1000000;
}

static void timers_fire_once_and_not_early(void **state)
{
  (void)state;
  static const uint64_t in_ms[] = {70, 5, 0, 33, 1, 64, 32, 31, 16, 15, 17};
  struct alarm alarms[N(in_ms)];
  for (size_t i = 0; i < N(in_ms); i++) {
    init(&alarms[i]);
    arm(&alarms[i], in_ms[i]);
  }
  for (size_t i = 0; i < N(in_ms); i++)
    run_until(&alarms[i], 1);
  for (size_t i = 0; i < N(in_ms); i++)
    assert_int_equal(alarms[i].times, 1);
  assert_int_equal(quiet_for(), 0);
}

static void what_is_overdue_fires_in_the_next_turn(void **state)
{
  (void)state;
  struct alarm alarm;
  init(&alarm);
  timers_arm(&timers, &alarm.timer, 0);
  run_until(&alarm, 1);
  init(&alarm);
  alarm.due_ms = clock_now_ms() - 1000;
  timers_arm(&timers, &alarm.timer, alarm.due_ms);
  run_until(&alarm, 1);
}

static void an_earlier_timer_brings_the_descriptor_forward(void **state)
{
  (void)state;
  struct alarm late, early;
  init(&late);
  init(&early);
  arm(&late, 600000);
  assert_in_range(quiet_for(), 1, 600000 + WHEEL_TICK_MS);
  arm(&early, 20);
  assert_in_range(quiet_for(), 0, 20 + WHEEL_TICK_MS);
  run_until(&early, 1);
  assert_int_equal(late.times, 0);
  /* The wheel is asked at least once a turn. */
  assert_in_range(quiet_for(), 1, (WHEEL_SLOTS + 1) * WHEEL_TICK_MS);
  timers_stop(&timers, &late.timer);
}

static void a_timer_that_moves_away_fires_at_its_last_time(void **state)
{
  (void)state;
  struct alarm alarm;
  init(&alarm);
  arm(&alarm, 10);
  arm(&alarm, 30);
  arm(&alarm, 90);
  run_until(&alarm, 1); /* on_fire looks at the time */
  assert_int_equal(quiet_for(), 0);

  arm(&alarm, 600000);
  arm(&alarm, 10);
  run_until(&alarm, 2);
  assert_int_equal(quiet_for(), 0);
}

static void what_is_stopped_does_not_fire(void **state)
{
  (void)state;
  struct alarm stopped, other;
  init(&stopped);
  init(&other);
  arm(&stopped, 10);
  timers_stop(&timers, &stopped.timer);
  timers_stop(&timers, &stopped.timer);
  arm(&other, 60);
  run_until(&other, 1);
  assert_int_equal(stopped.times, 0);
  /* The descriptor that nobody waits for any more comes once and is then quiet. */
  arm(&stopped, 10);
  timers_stop(&timers, &stopped.timer);
  poller_wait(&poller, 60000);
  assert_int_equal(poller.n, 1);
  poller_dispatch(&poller);
  assert_int_equal(quiet_for(), 0);
  poller_wait(&poller, 0);
  assert_int_equal(poller.n, 0);
  /* And is set again by the next. */
  arm(&stopped, 10);
  run_until(&stopped, 1);
}

static void arm_again(struct alarm *alarm)
{
  if (alarm->times < 4)
    arm(alarm, 5);
}

static void arm_other(struct alarm *alarm)
{
  arm(alarm->other, 5);
}

static void stop_other(struct alarm *alarm)
{
  timers_stop(&timers, &alarm->other->timer);
}

static void who_fires_may_arm_and_stop_any(void **state)
{
  (void)state;
  struct alarm a, b, c, d;
  init(&a);
  a.then = arm_again;
  arm(&a, 5);
  run_until(&a, 4);
  assert_int_equal(a.times, 4);

  init(&a);
  init(&b);
  a.then = arm_other;
  a.other = &b;
  arm(&a, 5);
  run_until(&b, 1);
  assert_int_equal(quiet_for(), 0);

  /* Two of the same moment, of which the first stops the second. */
  init(&c);
  init(&d);
  c.then = d.then = stop_other;
  c.other = &d;
  d.other = &c;
  uint64_t due_ms = clock_now_ms() + 20;
  c.due_ms = d.due_ms = due_ms;
  timers_arm(&timers, &c.timer, due_ms);
  timers_arm(&timers, &d.timer, due_ms);
  init(&a);
  arm(&a, 80);
  run_until(&a, 1);
  assert_int_equal(c.times + d.times, 1);
}

static void fini_may_be_called_twice(void **state)
{
  (void)state;
  timers_fini(&timers, &poller);
  timers_fini(&timers, &poller);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(timers_fire_once_and_not_early),
      TEST(what_is_overdue_fires_in_the_next_turn),
      TEST(an_earlier_timer_brings_the_descriptor_forward),
      TEST(a_timer_that_moves_away_fires_at_its_last_time),
      TEST(what_is_stopped_does_not_fire),
      TEST(who_fires_may_arm_and_stop_any),
      TEST(fini_may_be_called_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
