#include "check_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "check_extension.h"
#include "check_lend.h"
#include "check_options.h"

static struct check_host *host_of(struct plug_mock *mock)
{
  return mock->kit_data;
}

/* ---- Bookkeeping ---- */

static void kit_breach(struct plug_mock *mock, enum mock_breach_kind kind, const char *what)
{
  struct check_host *host = host_of(mock);
  char thread[32] = "?";
  if (host->n_breaches == sizeof host->breaches / sizeof host->breaches[0])
    return;
  struct check_breach *breach = &host->breaches[host->n_breaches++];
  breach->kind = kind;
  pthread_getname_np(pthread_self(), thread, sizeof thread);
  if (pthread_equal(pthread_self(), mock->home))
    snprintf(breach->text, sizeof breach->text, "%s, in %s", what,
             host->calling ? host->calling : "no call of the host's");
  else
    snprintf(breach->text, sizeof breach->text, "%s, on thread '%s'", what, thread);
}

static int kit_used(struct plug_mock *mock, const char *function, int can_fail)
{
  struct check_host *host = host_of(mock);
  pthread_mutex_lock(&mock->lock);
  if (mock->phase == PHASE_STOPPED) {
    char text[96];
    snprintf(text, sizeof text, "%s is called after stop", function);
    kit_breach(mock, MOCK_STOPPED, text);
  }
  int fails = 0;
  if (can_fail) {
    fails = ++host->n_allocs == host->fail_at;
    if (fails)
      host->failed_in = function;
  }
  pthread_mutex_unlock(&mock->lock);
  return fails;
}

/* For how long this thread was ready to run, and did not: on a busy machine that is not what the
 * plugin has to answer for. 0 where the kernel does not say. */
static uint64_t waited_us(void)
{
  static int fd = -2;
  char text[96];
  unsigned long long ran, waited;
  if (fd == -2)
    fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
  if (n <= 0)
    return 0;
  text[n] = '\0';
  return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited / 1000 : 0;
}

/* Far more than the contract's millisecond, for a machine may be slow, and less than anything that
 * waits for a network or a disk that is in trouble. */
static uint64_t limit_us(const char *function)
{
  return !strcmp(function, "create") || !strcmp(function, "stop") || !strcmp(function, "destroy")
             ? 1000000
             : 50000;
}

static void kit_enter(struct plug_mock *mock, const char *function)
{
  struct check_host *host = host_of(mock);
  if (!host->mock)
    host->mock = mock; /* create has not returned yet */
  host->calling = function;
  check_in(function);
  if (host->timed) {
    host->begin_waited_us = waited_us();
    host->begin_us = clock_now_us();
  }
}

static void kit_leave(struct plug_mock *mock)
{
  struct check_host *host = host_of(mock);
  if (host->timed) {
    uint64_t took = clock_now_us() - host->begin_us;
    uint64_t waited = waited_us() - host->begin_waited_us;
    took = took > waited ? took - waited : 0;
    if (took > limit_us(host->calling) && took > host->slowest_us) {
      host->slowest_us = took;
      host->slowest = host->calling;
    }
  }
  host->calling = NULL;
  check_in("the loop");
}

static void *kit_lend(struct plug_mock *mock, size_t head, size_t size, const char *what)
{
  return lend_new(host_of(mock)->lend_guarded ? LEND_GUARDED : LEND_PLAIN, head, size, what);
}

static void kit_take_back(struct plug_mock *mock, void *lent)
{
  (void)mock;
  lend_take_back(lent);
}

static void kit_free_lent(struct plug_mock *mock, void *lent)
{
  (void)mock;
  lend_free(lent);
}

static void kit_seen(struct plug_mock *mock, struct plug_op *op, enum mock_seen kind,
                     const void *what)
{
  struct check_host *host = host_of(mock);
  if (host->seen)
    host->seen(host->seen_arg, op, kind, what);
}

/* Of the process, before the plugin has anything. */
static size_t n_own_threads, n_own_fds;

static int kit_idle(struct plug_mock *mock)
{
  for (const struct plug_io *io = mock->ios; io; io = io->next)
    if (!io->closed && io->want)
      return 0;
  pthread_mutex_lock(&mock->lock);
  int posted = mock->calls != NULL;
  pthread_mutex_unlock(&mock->lock);
  /* With a descriptor of its own a plugin may wait for what has a clock of its own, as libraries
   * that speak to a server do, although it does not have it watched at the moment. */
  return !posted && !host_of(mock)->n_jobs && check_count_threads() <= n_own_threads &&
         check_count_fds() <= n_own_fds;
}

static const void *kit_extension(const struct plug_host *host, const char *id)
{
  return extension_find(host_of(mock_of(host)), id);
}

static const struct mock_kit kit = {
    .breach = kit_breach,
    .used = kit_used,
    .enter = kit_enter,
    .leave = kit_leave,
    .extension = kit_extension,
    .lend = kit_lend,
    .take_back = kit_take_back,
    .free_lent = kit_free_lent,
    .seen = kit_seen,
    .idle = kit_idle,
};

const char *check_breach(const struct check_host *host, unsigned kinds)
{
  for (size_t i = 0; i < host->n_breaches; i++)
    if (kinds & CHECK_BREACH(host->breaches[i].kind))
      return host->breaches[i].text;
  return NULL;
}

void check_no_breach(struct check_host *host, unsigned kinds, const char *when)
{
  const char *text = check_breach(host, kinds);
  CHECK(host->run, !text, "%s: %s", when, text);
}

/* ---- Instances ---- */

static char create_breach[200];

struct check_host *check_try_create(struct check_run *run, const char *node,
                                    const char *const *overrides, unsigned fail_at,
                                    struct plug_err *err)
{
  struct check_making making = {.overrides = overrides, .fail_at = fail_at};
  return check_make(run, node, &making, err);
}

struct check_host *check_make(struct check_run *run, const char *node,
                              const struct check_making *making, struct plug_err *err)
{
  const struct plug_plugin *plugin = check_plugin(run);
  if (!n_own_threads) {
    waited_us(); /* opens a descriptor */
    n_own_threads = check_count_threads();
    n_own_fds = check_count_fds();
  }
  struct check_host *host = calloc(1, sizeof *host);
  if (!host)
    abort();
  host->run = run;
  host->node = node ? node : "node-1";
  host->fail_at = making->fail_at;
  host->presence_up = making->presence_up;
  host->app_presence = making->app_presence;
  host->presence_arg = making->presence_arg;
  host->seen = making->seen;
  host->seen_arg = making->seen_arg;
  host->lend_guarded = !check_order(run)->plain;
  host->options = options_make(run, making->overrides);
  host->mock =
      mock_new(plugin, host->options, &kit, host, check_order(run)->section, host->node, err);
  if (host->mock)
    return host;
  const char *broken = check_breach(host, CHECK_ANY_BREACH);
  snprintf(create_breach, sizeof create_breach, "%s", broken ? broken : "");
  options_free(host->options);
  free(host);
  return NULL;
}

const char *check_create_breach(void)
{
  return create_breach[0] ? create_breach : NULL;
}

struct check_host *check_create(struct check_run *run, const char *node)
{
  struct plug_err err;
  struct check_host *host = check_try_create(run, node, NULL, 0, &err);
  CHECK(run, host, "create fails with these options: %s", err.text);
  return host;
}

static bool is_up(void *arg)
{
  struct check_host *host = arg;
  struct plug_health health = {.size = sizeof health};
  if (host->mock->state >= 0)
    return host->mock->state == PLUG_STATE_UP;
  CHECK_CALL(host, "health", host->mock->plugin->broker->health(host->mock->self, &health));
  return health.state == PLUG_STATE_UP;
}

plug_status check_start_it(struct check_host *host)
{
  return plug_mock_start(host->mock);
}

struct check_host *check_start(struct check_run *run, const char *node)
{
  struct check_host *host = check_create(run, node);
  plug_status status = check_start_it(host);
  CHECK(run, status == PLUG_OK, "start ends with %d: %s", status, plug_mock_log(host->mock));
  if (host->mock->plugin->broker)
    CHECK(run, check_run_until(host, is_up, host, 10000),
          "it is not up 10 s after its start, as it needs to be here: %s",
          plug_mock_log(host->mock));
  return host;
}

plug_status check_drain(struct check_host *host)
{
  return plug_mock_drain(host->mock);
}

plug_status check_stop(struct check_host *host)
{
  plug_status status = mock_stop(host->mock);
  mock_audit(host->mock);
  if (host->n_jobs) {
    pthread_mutex_lock(&host->mock->lock);
    kit_breach(host->mock, MOCK_LEFT, "a job of the work pool is left after stop");
    pthread_mutex_unlock(&host->mock->lock);
  }
  return status;
}

void check_destroy(struct check_host *host)
{
  mock_destroy(host->mock);
}

void check_free(struct check_host *host)
{
  check_free_lents(host);
  mock_free(host->mock);
  options_free(host->options);
  free(host);
}

void check_end(struct check_host *host)
{
  check_drain(host);
  check_stop(host);
  check_destroy(host);
  check_free(host);
}

void check_run_for(struct check_host *host, unsigned ms)
{
  uint64_t last = clock_now_ms(), end = last + ms;
  while (last < end) {
    plug_mock_turn(host->mock, 2);
    uint64_t now = clock_now_ms();
    plug_mock_advance(host->mock, now - last);
    last = now;
  }
}

bool check_run_until(struct check_host *host, bool (*done)(void *arg), void *arg, unsigned limit_ms)
{
  struct plug_mock *mock = host->mock;
  uint64_t end = mock->now_ms + limit_ms, last = clock_now_ms();
  while (!done(arg)) {
    if (mock->now_ms >= end)
      return false;
    if (kit_idle(mock)) {
      uint64_t until = end;
      for (const struct plug_timer *timer = mock->timers; timer; timer = timer->next)
        if (timer->armed && timer->due_ms < until)
          until = timer->due_ms;
      plug_mock_advance(mock, until > mock->now_ms ? until - mock->now_ms : 0);
      last = clock_now_ms();
      continue;
    }
    plug_mock_turn(mock, 2);
    uint64_t now = clock_now_ms();
    plug_mock_advance(mock, now - last);
    last = now;
  }
  return true;
}

struct awaited {
  struct check_host *host;
  size_t least, n;
};

static bool has_come(void *arg)
{
  struct awaited *awaited = arg;
  struct plug_mock *mock = awaited->host->mock;
  pthread_mutex_lock(&mock->lock);
  awaited->n = mock->n_deliveries;
  pthread_mutex_unlock(&mock->lock);
  return awaited->n >= awaited->least;
}

size_t check_deliveries(struct check_host *host, size_t least)
{
  struct awaited awaited = {host, least, 0};
  if (check_run_until(host, has_come, &awaited, 5000) && least)
    check_run_for(host, 10);
  has_come(&awaited);
  return awaited.n;
}

/* ---- Operations ---- */

struct plug_op *check_op(struct check_host *host, uint64_t limit_ms)
{
  return mock_new_op(host->mock, limit_ms);
}

plug_status check_wait(struct check_host *host, struct plug_op *op, plug_status status)
{
  (void)host;
  return mock_wait_for(op, status);
}

bool check_op_returned(struct plug_op *op, plug_status status)
{
  return status == PLUG_PENDING || (mock_wait_for(op, status), false);
}

bool check_op_is_done(const struct plug_op *op)
{
  pthread_mutex_lock(&op->mock->lock);
  bool done = op->done || !op->offered;
  pthread_mutex_unlock(&op->mock->lock);
  return done;
}

plug_status check_op_status(const struct plug_op *op)
{
  return op->status;
}

/* ---- The process ---- */

static size_t count_entries(const char *path)
{
  DIR *dir = opendir(path);
  size_t n = 0;
  if (!dir)
    return 0;
  while (readdir(dir))
    n++;
  closedir(dir);
  return n - 2;
}

size_t check_count_threads(void)
{
  return count_entries("/proc/self/task");
}

size_t check_count_fds(void)
{
  return count_entries("/proc/self/fd") - 1; /* not that of the folder itself */
}

/* Sanitizers bring an allocator of their own, and this with it. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

size_t check_count_bytes(void)
{
  if (__sanitizer_get_current_allocated_bytes)
    return __sanitizer_get_current_allocated_bytes();
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}
