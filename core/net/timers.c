#include "net/timers.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/list.h"

static void set_descriptor(struct timers *timers, uint64_t due_ms)
{
  /* What is set for too early is corrected when it comes: deadlines mostly move away. */
  if (due_ms >= timers->set_ms)
    return;
  timers->set_ms = due_ms;
  uint64_t at_ms = due_ms ? due_ms : 1; /* zero would mean never */
  struct itimerspec when = {
      .it_value = {.tv_sec = (time_t)(at_ms / 1000), .tv_nsec = (long)(at_ms % 1000 * 1000000)}};
  int failed = timerfd_settime(timers->watch.fd, TFD_TIMER_ABSTIME, &when, NULL);
  invariant(!failed);
}

static void on_ready(struct watch *watch, uint32_t events)
{
  struct timers *timers = container_of(watch, struct timers, watch);
  uint64_t times;
  (void)events;
  if (read(watch->fd, &times, sizeof times) != sizeof times)
    return;
  timers->set_ms = 0; /* not before all have fired: they arm others */
  wheel_run(&timers->wheel, clock_now_ms());
  timers->set_ms = UINT64_MAX;
  set_descriptor(timers, wheel_next_ms(&timers->wheel));
}

static void fire(struct wheel_timer *in_wheel, uint64_t now_ms)
{
  struct timer *timer = container_of(in_wheel, struct timer, in_wheel);
  timer->fire(timer, now_ms);
}

int timers_init(struct timers *timers, struct poller *poller, uint64_t now_ms)
{
  wheel_init(&timers->wheel, now_ms, fire);
  timers->set_ms = UINT64_MAX;
  timers->watch = (struct watch){.ready = on_ready};
  timers->watch.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timers->watch.fd < 0)
    return errno;
  return poller_add(poller, &timers->watch, EPOLLIN) ? 0 : errno;
}

void timers_fini(struct timers *timers, struct poller *poller)
{
  if (timers->watch.fd < 0)
    return;
  poller_remove(poller, &timers->watch);
  close(timers->watch.fd);
  timers->watch.fd = -1;
}

void timer_init(struct timer *timer, void (*on_fire)(struct timer *timer, uint64_t now_ms))
{
  wheel_timer_init(&timer->in_wheel);
  timer->fire = on_fire;
}

void timers_arm(struct timers *timers, struct timer *timer, uint64_t due_ms)
{
  wheel_arm(&timers->wheel, &timer->in_wheel, due_ms);
  set_descriptor(timers, due_ms + WHEEL_TICK_MS); /* a wheel fires at the end of a timer's tick */
}

void timers_stop(struct timers *timers, struct timer *timer)
{
  wheel_stop(&timers->wheel, &timer->in_wheel);
}
