#include "plugin/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/crash.h"
#include "plugin/part.h"
#include "plugin/watch.h"

#define SCANS_PER_HANG   4
#define SCAN_MAX_MS      250
#define SCAN_MIN_MS      5
#define REMIND_PERIOD_MS 60000
/* A signal to end that nobody takes for so long is not going to be taken. */
#define SIGNAL_WAIT_MS   1000

/* What was seen of a record at the last scan. */
struct seen {
  uint64_t number;
  uint64_t since_ms; /* since when it has been so */
  uint64_t said_ms;  /* 0: not reported */
  char instance[64];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects all below but the atomics */
static pthread_cond_t changed;
static pthread_t thread;
static struct watchdog_settings settings;
static bool running, ending;
static bool telling;             /* settings.hangs is under way */
static uint64_t end_ms;          /* 0: none */
static uint64_t signal_since_ms; /* 0: no signal to end is pending */
static char reason[200];         /* empty: nothing hangs */
static struct seen seen[WATCH_THREADS_MAX];
static _Atomic bool hangs, home_hangs, core_hangs, some_home_is_late;

static void say_hang(struct seen *mine, const char *id, const char *function, const char *on,
                     uint64_t now)
{
  log_error(mine->instance, "plugin %s has not returned from %s on thread '%s' for %llu ms", id,
            function, on, (unsigned long long)(now - mine->since_ms));
  mine->said_ms = now;
}

/* With the lock held. True: it hangs, and sessions depend on it. */
static bool look_at(struct watch_record *record, struct seen *mine, uint64_t now)
{
  uint64_t number = atomic_load_explicit(&record->number, memory_order_acquire);
  struct plugin_instance *instance = atomic_load_explicit(&record->instance, memory_order_relaxed);
  const char *function = atomic_load_explicit(&record->function, memory_order_relaxed);
  if (number != mine->number || !instance) {
    if (mine->said_ms)
      log_warn(mine->instance, "the plugin has returned after %llu ms",
               (unsigned long long)(now - mine->since_ms));
    *mine = (struct seen){.number = number, .since_ms = now};
    atomic_store(&record->is_late, false);
    return false;
  }
  atomic_store(&record->is_late, true); /* it was in there at the last look, too */
  if (now - mine->since_ms < settings.hang_ms)
    return false;
  /* The call is under way for long: its instance is not freed before this lock is given back. */
  if (atomic_load_explicit(&record->number, memory_order_acquire) != number)
    return false;
  char on[WATCH_NAME_SIZE];
  const char *id = instance->id;
  if (!mine->said_ms)
    snprintf(mine->instance, sizeof mine->instance, "%s", instance->name);
  if (!mine->said_ms || now - mine->said_ms >= REMIND_PERIOD_MS)
    say_hang(mine, id, function, watch_thread_name(record, on), now);
  if (atomic_load_explicit(&record->is_job, memory_order_relaxed))
    return false;
  if (!reason[0])
    snprintf(reason, sizeof reason, "%s does not return from %s", mine->instance, function);
  return true;
}

static void look_at_all(uint64_t now)
{
  struct watch_record *records;
  size_t n = watch_records(&records);
  bool any = false, home = false, core = false, late = false;
  reason[0] = '\0';
  for (size_t i = 0; i < n; i++) {
    bool it_hangs = look_at(&records[i], &seen[i], now);
    bool is_home = atomic_load_explicit(&records[i].is_home, memory_order_relaxed);
    bool is_own = atomic_load_explicit(&records[i].is_own_home, memory_order_relaxed);
    atomic_store(&records[i].hangs, it_hangs);
    late |= (is_home || is_own) && atomic_load(&records[i].is_late);
    any |= it_hangs;
    core |= it_hangs && !is_own;
    home |= it_hangs && is_home;
  }
  atomic_store(&hangs, any);
  atomic_store(&home_hangs, home);
  atomic_store(&core_hangs, core);
  atomic_store(&some_home_is_late, late);
}

/* The main thread takes signals when everything runs. Until then it may be what hangs. For a home
 * of one instance it waits for a while only. */
static bool must_end(uint64_t now)
{
  sigset_t pending;
  sigpending(&pending);
  if (!sigismember(&pending, SIGTERM) && !sigismember(&pending, SIGINT))
    signal_since_ms = 0;
  else if (!signal_since_ms)
    signal_since_ms = now;
  return (end_ms && now >= end_ms) ||
         (atomic_load(&core_hangs) && signal_since_ms && now - signal_since_ms >= SIGNAL_WAIT_MS);
}

static void wait_ms(uint64_t ms)
{
  struct timespec until = clock_timespec(clock_now_ms() + ms);
  pthread_cond_timedwait(&changed, &lock, &until);
}

static void *thread_main(void *arg)
{
  (void)arg;
  pthread_setname_np(pthread_self(), "watchdog");
  uint64_t scan_ms = settings.hang_ms / SCANS_PER_HANG;
  if (scan_ms > SCAN_MAX_MS)
    scan_ms = SCAN_MAX_MS;
  if (scan_ms < SCAN_MIN_MS)
    scan_ms = SCAN_MIN_MS;
  pthread_mutex_lock(&lock);
  while (!ending) {
    uint64_t now = clock_now_ms();
    look_at_all(now);
    if (must_end(now)) {
      log_error("core", "the server cannot end in order%s%s: it is ended where it stands",
                reason[0] ? ": " : "", reason);
      _exit(EXIT_FAILURE);
    }
    if ((atomic_load(&hangs) || atomic_load(&some_home_is_late)) && settings.hangs) {
      telling = true;
      pthread_mutex_unlock(&lock);
      settings.hangs(settings.ctx);
      pthread_mutex_lock(&lock);
      telling = false;
      pthread_cond_broadcast(&changed);
    }
    if (!ending)
      wait_ms(scan_ms);
  }
  pthread_mutex_unlock(&lock);
  return NULL;
}

bool watchdog_start(const struct watchdog_settings *wanted)
{
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &attr);
  pthread_condattr_destroy(&attr);
  settings = *wanted;
  ending = false;
  end_ms = signal_since_ms = 0;
  memset(seen, 0, sizeof seen);
  sigset_t all, before;
  sigfillset(&all);
  crash_keep_signals(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  running = pthread_create(&thread, NULL, thread_main, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return running;
}

void watchdog_stop(void)
{
  if (!running)
    return;
  pthread_mutex_lock(&lock);
  ending = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  pthread_join(thread, NULL);
  pthread_cond_destroy(&changed);
  running = false;
  atomic_store(&hangs, false);
  atomic_store(&home_hangs, false);
  atomic_store(&core_hangs, false);
  atomic_store(&some_home_is_late, false);
  struct watch_record *records;
  for (size_t i = 0, n = watch_records(&records); i < n; i++) {
    atomic_store(&records[i].is_late, false);
    atomic_store(&records[i].hangs, false);
  }
}

void watchdog_tell_nobody(void)
{
  pthread_mutex_lock(&lock);
  settings.hangs = NULL;
  while (telling)
    pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

bool watchdog_hangs(void)
{
  return atomic_load_explicit(&hangs, memory_order_relaxed);
}

bool watchdog_home_hangs(void)
{
  return atomic_load_explicit(&home_hangs, memory_order_relaxed);
}

bool watchdog_some_home_is_late(void)
{
  return atomic_load_explicit(&some_home_is_late, memory_order_relaxed);
}

bool watchdog_core_hangs(void)
{
  return atomic_load_explicit(&core_hangs, memory_order_relaxed);
}

bool watchdog_reason(char *out, size_t size)
{
  if (size)
    out[0] = '\0';
  if (!watchdog_hangs())
    return false;
  pthread_mutex_lock(&lock);
  snprintf(out, size, "%s", reason);
  pthread_mutex_unlock(&lock);
  return out[0] != '\0';
}

void watchdog_end_within(uint64_t ms)
{
  pthread_mutex_lock(&lock);
  end_ms = clock_now_ms() + ms;
  pthread_mutex_unlock(&lock);
}

void watchdog_lock(void)
{
  pthread_mutex_lock(&lock);
}

void watchdog_unlock(void)
{
  pthread_mutex_unlock(&lock);
}
