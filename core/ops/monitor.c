#include "ops/monitor.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "ops/node_state.h"
#include "ops/notify.h"
#include "plugin/crash.h"
#include "plugin/watchdog.h"

#define TICK_MS   1000u
#define STATUS_MS 5000u

static void ask_worker(void *ctx)
{
  worker_wake(ctx);
}

static uint64_t worker_rounds(void *ctx)
{
  const struct worker *worker = ctx;
  return atomic_load_explicit(&worker->turns, memory_order_relaxed);
}

static void on_control(struct loop_task *task)
{
  struct monitor *monitor = container_of(task, struct monitor, task);
  atomic_fetch_add(&monitor->rounds, 1);
  atomic_store(&monitor->asked, false);
}

static void ask_control(void *ctx)
{
  struct monitor *monitor = ctx;
  if (!atomic_exchange(&monitor->asked, true))
    loop_post_task(monitor->sources->loop, &monitor->task);
}

static uint64_t control_rounds(void *ctx)
{
  const struct monitor *monitor = ctx;
  return atomic_load(&monitor->rounds);
}

static void add_sources(struct monitor *monitor)
{
  const struct ops_sources *sources = monitor->sources;
  struct rollcall_source control = {"control", ask_control, control_rounds, monitor};
  rollcall_add(&monitor->rollcall, &control);
  for (unsigned i = 0; i < sources->n_workers; i++) {
    struct rollcall_source worker = {"", ask_worker, worker_rounds, &sources->workers[i]};
    snprintf(worker.name, sizeof worker.name, "worker-%u", i);
    rollcall_add(&monitor->rollcall, &worker);
  }
}

static void tell_status(const struct monitor *monitor)
{
  char why[NODE_WHY_SIZE], text[400];
  struct plug_str broker = ops_broker_name(monitor->sources);
  bool unready = node_state(monitor->sources->broker, monitor->sources->leaving, why) != NODE_READY;
  int64_t sessions = counter_read(COUNTER_sessions);
  snprintf(text, sizeof text, "%" PRId64 " session%s, broker %.*s %s%s%s", sessions,
           sessions == 1 ? "" : "s", STR_ARG(broker),
           broker_ready(monitor->sources->broker) ? "up" : "down", unready ? "; not ready: " : "",
           why);
  notify_status(text);
}

/* With the lock held. */
static void tick(struct monitor *monitor, uint64_t now_ms, bool *was_alive)
{
  char reason[ROLLCALL_REASON_MAX];
  bool alive = monitor->stopping || rollcall_take(&monitor->rollcall, now_ms);
  if (alive && monitor->within_ms)
    notify_alive();
  if (!alive && *was_alive && !rollcall_is_alive(&monitor->rollcall, now_ms, reason, sizeof reason))
    log_error("core", "%s: the server counts as dead", reason);
  else if (alive && !*was_alive)
    log_warn("core", "all threads come round again");
  *was_alive = alive;
}

static void wait_ms(struct monitor *monitor, uint64_t ms)
{
  struct timespec until = clock_timespec(clock_now_ms() + ms);
  pthread_cond_timedwait(&monitor->changed, &monitor->lock, &until);
}

static void *run(void *arg)
{
  struct monitor *monitor = arg;
  uint64_t within_ms = monitor->within_ms, told_ms = 0, tick_ms = TICK_MS;
  bool was_alive = true;
  pthread_setname_np(pthread_self(), "monitor");
  if (within_ms && within_ms / 4 < tick_ms)
    tick_ms = within_ms / 4 ? within_ms / 4 : 1;
  if (monitor->rollcall.limit_ms / 4 < tick_ms)
    tick_ms = monitor->rollcall.limit_ms / 4;
  pthread_mutex_lock(&monitor->lock);
  while (!monitor->ending) {
    uint64_t now_ms = clock_now_ms();
    tick(monitor, now_ms, &was_alive);
    if (notify_wanted() && !monitor->stopping && now_ms >= told_ms + STATUS_MS) {
      tell_status(monitor);
      told_ms = now_ms;
    }
    if (!monitor->ending)
      wait_ms(monitor, tick_ms);
  }
  pthread_mutex_unlock(&monitor->lock);
  return NULL;
}

void monitor_init(struct monitor *monitor, const struct ops_sources *sources)
{
  pthread_condattr_t attr;
  *monitor = (struct monitor){
      .sources = sources, .within_ms = notify_alive_within_ms(), .task = {.run = on_control}};
  rollcall_init(&monitor->rollcall, sources->settings->live_limit_ms);
  add_sources(monitor);
  pthread_mutex_init(&monitor->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&monitor->changed, &attr);
  pthread_condattr_destroy(&attr);
  monitor->made = true;
}

bool monitor_start(struct monitor *monitor)
{
  sigset_t all, before;
  sigfillset(&all);
  crash_keep_signals(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  monitor->running = pthread_create(&monitor->thread, NULL, run, monitor) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (monitor->running)
    notify_ready();
  return monitor->running;
}

void monitor_stopping(struct monitor *monitor)
{
  if (!monitor->running)
    return;
  notify_stopping();
  pthread_mutex_lock(&monitor->lock);
  monitor->stopping = true;
  pthread_mutex_unlock(&monitor->lock);
}

void monitor_pass(struct monitor *monitor)
{
  pthread_mutex_lock(&monitor->lock);
  pthread_mutex_unlock(&monitor->lock);
}

void monitor_stop(struct monitor *monitor)
{
  if (!monitor->running)
    return;
  pthread_mutex_lock(&monitor->lock);
  monitor->ending = true;
  pthread_cond_signal(&monitor->changed);
  pthread_mutex_unlock(&monitor->lock);
  pthread_join(monitor->thread, NULL);
  monitor->running = false;
}

void monitor_fini(struct monitor *monitor)
{
  if (!monitor->made)
    return;
  pthread_cond_destroy(&monitor->changed);
  pthread_mutex_destroy(&monitor->lock);
  rollcall_fini(&monitor->rollcall);
}

bool monitor_hangs(struct monitor *monitor, char *reason, size_t size)
{
  return !rollcall_is_alive(&monitor->rollcall, clock_now_ms(), reason, size);
}
