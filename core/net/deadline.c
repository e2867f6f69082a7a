#include "net/deadline.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"

/* Nearer timers are left to libuv: taking them over costs two system calls. */
#define FAR_MS 50u

static void set_descriptor(struct deadline *me)
{
  uint64_t due_ms = me->due_ms;
  for (unsigned i = 0; i < me->n_timers; i++)
    if (me->timers[i].due_ms < due_ms)
      due_ms = me->timers[i].due_ms;
  /* What is set for too early is corrected when it comes: deadlines mostly move away. Once closed,
   * set_ms is 0 and nothing is set. */
  if (due_ms >= me->set_ms)
    return;
  me->set_ms = due_ms;
  /* The loop's time is that of CLOCK_MONOTONIC, perhaps from a clock that is behind by up to a
   * millisecond; zero would mean never. */
  uint64_t at_ms = due_ms + 1;
  struct itimerspec when = {
      .it_value = {.tv_sec = (time_t)(at_ms / 1000), .tv_nsec = (long)(at_ms % 1000 * 1000000)}};
  int failed = timerfd_settime(me->fd, TFD_TIMER_ABSTIME, &when, NULL);
  invariant(!failed);
}

/* Gives a timer back to libuv, which calls it within two milliseconds. */
static void give_back(uv_timer_t *timer)
{
  if (uv_is_active((uv_handle_t *)timer))
    return; /* started anew by its owner */
  uv_timer_set_repeat(timer, 1);
  uv_timer_again(timer); /* the only way to start it with the callback that it has */
  uv_timer_set_repeat(timer, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  struct deadline *me = poll->data;
  uint64_t times, now = uv_now(poll->loop);
  (void)events;
  invariant(status == 0); /* a timerfd has no errors */
  if (read(me->fd, &times, sizeof times) != sizeof times)
    return;
  me->set_ms = 0; /* not before all is done: passed may move its deadline more than once */
  for (unsigned i = 0; i < me->n_timers; i++)
    if (me->timers[i].due_ms <= now) {
      me->timers[i].due_ms = UINT64_MAX;
      give_back(me->timers[i].timer);
    }
  if (me->due_ms <= now) {
    me->due_ms = UINT64_MAX;
    me->passed(me);
  }
  if (uv_is_closing((uv_handle_t *)poll))
    return;
  me->set_ms = UINT64_MAX;
  set_descriptor(me);
}

int deadline_init(struct deadline *me, uv_loop_t *loop, void (*passed)(struct deadline *me))
{
  *me = (struct deadline){.set_ms = UINT64_MAX, .due_ms = UINT64_MAX, .passed = passed};
  me->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (me->fd < 0)
    return uv_translate_sys_error(errno);
  int failed = uv_poll_init(loop, &me->poll, me->fd);
  if (failed) {
    close(me->fd);
    return failed;
  }
  me->poll.data = me;
  return uv_poll_start(&me->poll, UV_READABLE, on_readable);
}

static void adopt(uv_handle_t *handle, void *arg)
{
  struct deadline *me = arg;
  if (handle->type != UV_TIMER || me->n_timers == DEADLINE_TIMERS_MAX)
    return;
  me->timers[me->n_timers].timer = (uv_timer_t *)handle;
  me->timers[me->n_timers++].due_ms = UINT64_MAX;
}

void deadline_adopt_timers(struct deadline *me)
{
  uv_walk(me->poll.loop, adopt, me);
}

void deadline_set(struct deadline *me, uint64_t due_ms)
{
  me->due_ms = due_ms;
  set_descriptor(me);
}

void deadline_before_wait(struct deadline *me)
{
  for (unsigned i = 0; i < me->n_timers; i++) {
    uv_timer_t *timer = me->timers[i].timer;
    if (!uv_is_active((uv_handle_t *)timer))
      continue; /* stopped by its owner, or by us */
    uint64_t in_ms = uv_timer_get_due_in(timer);
    me->timers[i].due_ms = UINT64_MAX; /* started anew since we had it */
    if (in_ms < FAR_MS)
      continue;
    uv_timer_stop(timer);
    me->timers[i].due_ms = uv_now(timer->loop) + in_ms;
    set_descriptor(me);
  }
}

static void on_closed(uv_handle_t *handle)
{
  struct deadline *me = handle->data;
  close(me->fd);
}

void deadline_close(struct deadline *me)
{
  for (unsigned i = 0; i < me->n_timers; i++)
    if (me->timers[i].due_ms != UINT64_MAX)
      give_back(me->timers[i].timer);
  me->n_timers = 0;
  me->set_ms = 0;
  if (!uv_is_closing((uv_handle_t *)&me->poll))
    uv_close((uv_handle_t *)&me->poll, on_closed);
}
