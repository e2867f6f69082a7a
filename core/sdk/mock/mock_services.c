/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, when compiled with -std=c11 */
#endif
#include "mock_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void *mock_must(void *memory)
{
  if (!memory)
    abort();
  return memory;
}

void mock_append_log(struct plug_mock *mock, const char *level, struct plug_str line)
{
  size_t need = mock->log_len + strlen(level) + line.len + 3;
  mock->log = (char *)mock_must(realloc(mock->log, need));
  mock->log_len += (size_t)snprintf(mock->log + mock->log_len, need - mock->log_len, "%s %.*s\n",
                                    level, (int)line.len, line.len ? line.ptr : "");
}

void mock_breach_locked(struct plug_mock *mock, enum mock_breach_kind kind, const char *what)
{
  mock->n_breaches++;
  if (mock->kit)
    mock->kit->breach(mock, kind, what);
  else
    fprintf(stderr, "%s: breach of contract: %s\n", mock->plugin->id, what);
}

void mock_breach(struct plug_mock *mock, enum mock_breach_kind kind, const char *what)
{
  pthread_mutex_lock(&mock->lock);
  mock_breach_locked(mock, kind, what);
  pthread_mutex_unlock(&mock->lock);
}

void mock_check_home(struct plug_mock *mock, const char *what)
{
  char line[128];
  if (!pthread_equal(pthread_self(), mock->home)) {
    snprintf(line, sizeof line, "%s away from the home thread", what);
    mock_breach(mock, MOCK_THREAD, line);
  }
  if (mock->phase == PHASE_STOPPED || mock->in_create) {
    snprintf(line, sizeof line, "%s %s", what, mock->in_create ? "in create" : "after stop");
    mock_breach(mock, mock->in_create ? MOCK_THREAD : MOCK_STOPPED, line);
  }
}

struct plug_str plug_mock_str(const char *text)
{
  struct plug_str s = {text, text ? strlen(text) : 0};
  return s;
}

int plug_mock_is(struct plug_str s, const char *text)
{
  return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

void mock_keep_text(char *to, size_t room, struct plug_str s)
{
  size_t n = s.len < room ? s.len : room - 1;
  if (n)
    memcpy(to, s.ptr, n);
  to[n] = '\0';
}

/* ---- Log, configuration, clock ---- */

static int32_t host_log_on(const struct plug_host *host, int32_t level) PLUG_NOEXCEPT
{
  (void)host;
  (void)level;
  return 1;
}

static void host_log(const struct plug_host *host, int32_t level,
                     struct plug_str line) PLUG_NOEXCEPT
{
  static const char *const names[] = {"debug", "info", "warn", "error", "violation"};
  struct plug_mock *mock = mock_of(host);
  pthread_mutex_lock(&mock->lock);
  if (level < PLUG_LOG_DEBUG || level > PLUG_LOG_VIOLATION)
    mock_breach_locked(mock, MOCK_USE, "log with a level that there is not");
  else if (line.len && memchr(line.ptr, '\n', line.len))
    mock_breach_locked(mock, MOCK_USE, "log with more than one line");
  else
    mock_append_log(mock, names[level], line);
  pthread_mutex_unlock(&mock->lock);
}

const struct plug_option *mock_find_option(const struct plug_plugin *plugin, const char *name)
{
  for (size_t i = 0; i < plugin->n_options; i++)
    if (strcmp(plugin->options[i].name, name) == 0)
      return &plugin->options[i];
  return NULL;
}

const char *mock_value_of(const struct plug_mock *mock, const struct plug_option *option)
{
  for (const char *const *o = mock->options; o && *o; o += 2)
    if (strcmp(o[0], option->name) == 0)
      return o[1];
  return option->def;
}

static int one_of(const char *text, const char *const *words, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(text, words[i]) == 0)
      return 1;
  return 0;
}

int mock_read_number(uint32_t type, const char *text, int64_t *out)
{
  static const struct {
    const char *unit;
    uint32_t type;
    int64_t factor;
  } units[] = {
      {"", PLUG_OPT_INTEGER, 1},         {"", PLUG_OPT_BYTES, 1},
      {"k", PLUG_OPT_BYTES, 1 << 10},    {"m", PLUG_OPT_BYTES, 1 << 20},
      {"g", PLUG_OPT_BYTES, 1 << 30},    {"ms", PLUG_OPT_DURATION, 1},
      {"s", PLUG_OPT_DURATION, 1000},    {"m", PLUG_OPT_DURATION, 60000},
      {"h", PLUG_OPT_DURATION, 3600000},
  };
  static const char *const yes[] = {"on", "true", "yes", "1"}, *const no[] = {"off", "false", "no",
                                                                              "0"};
  char *end;
  if (type == PLUG_OPT_BOOL) {
    *out = one_of(text, yes, 4);
    return *out || one_of(text, no, 4);
  }
  long long n = strtoll(text, &end, 10);
  if (end == text)
    return 0;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (units[i].type == type && strcmp(end, units[i].unit) == 0) {
      *out = n * units[i].factor;
      return 1;
    }
  *out = 0;
  return type == PLUG_OPT_DURATION && n == 0 && *end == '\0';
}

int mock_is_number(uint32_t type)
{
  return type == PLUG_OPT_INTEGER || type == PLUG_OPT_BOOL || type == PLUG_OPT_DURATION ||
         type == PLUG_OPT_BYTES;
}

static plug_status read_option(const struct plug_host *host, const char *key, int number,
                               const char **out)
{
  struct plug_mock *mock = mock_of(host);
  const struct plug_option *option = mock_find_option(mock->plugin, key);
  mock_used(mock, number ? "cfg_i64" : "cfg_str", 0);
  if (!mock->in_create)
    mock_breach(mock, MOCK_THREAD, "configuration is read outside create");
  if (!option) {
    mock_breach(mock, MOCK_USE, "an option is read that the table does not have");
    return PLUG_EINVAL;
  }
  if (mock_is_number(option->type) != number) {
    mock_breach(mock, MOCK_USE, "an option is read as what it is not: number or text");
    return PLUG_EINVAL;
  }
  *out = mock_value_of(mock, option);
  return *out ? PLUG_OK : PLUG_EINVAL;
}

static plug_status host_cfg_str(const struct plug_host *host, const char *key,
                                struct plug_str *out) PLUG_NOEXCEPT
{
  const char *text;
  plug_status status = read_option(host, key, 0, &text);
  if (status == PLUG_OK)
    *out = plug_mock_str(text);
  return status;
}

static plug_status host_cfg_i64(const struct plug_host *host, const char *key,
                                int64_t *out) PLUG_NOEXCEPT
{
  const char *text;
  plug_status status = read_option(host, key, 1, &text);
  if (status != PLUG_OK)
    return status;
  return mock_read_number(mock_find_option(mock_of(host)->plugin, key)->type, text, out)
             ? PLUG_OK
             : PLUG_EINVAL;
}

static uint64_t host_now_ms(const struct plug_host *host) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  mock_used(mock, "now_ms", 0);
  pthread_mutex_lock(&mock->lock);
  uint64_t now = mock->now_ms;
  pthread_mutex_unlock(&mock->lock);
  return now;
}

static int32_t host_on_home(const struct plug_host *host) PLUG_NOEXCEPT
{
  mock_used(mock_of(host), "on_home", 0);
  return pthread_equal(pthread_self(), mock_of(host)->home) != 0;
}

void mock_post_call(struct plug_mock *mock, plug_fn fn, plug_app_published_fn published, void *arg)
{
  struct mock_call *call = (struct mock_call *)mock_must(calloc(1, sizeof *call));
  call->fn = fn;
  call->published = published;
  call->arg = arg;
  pthread_mutex_lock(&mock->lock);
  if (mock->phase == PHASE_STOPPED)
    mock_breach_locked(mock, MOCK_STOPPED, "post after stop");
  *mock->calls_end = call;
  mock->calls_end = &call->next;
  pthread_mutex_unlock(&mock->lock);
}

static plug_status host_post(const struct plug_host *host, plug_fn fn, void *arg) PLUG_NOEXCEPT
{
  if (mock_used(mock_of(host), "post", 1))
    return PLUG_ENOMEM;
  mock_post_call(mock_of(host), fn, NULL, arg);
  return PLUG_OK;
}

/* ---- Watches and timers ---- */

static struct plug_io *host_io_open(const struct plug_host *host, int fd, uint32_t want,
                                    plug_io_fn fn, void *arg) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  if (mock_used(mock, "io_open", 1))
    return NULL;
  struct plug_io *io = (struct plug_io *)mock_must(calloc(1, sizeof *io));
  mock_check_home(mock, "io_open");
  for (const struct plug_io *other = mock->ios; other; other = other->next)
    if (!other->closed && other->fd == fd)
      mock_breach(mock, MOCK_USE, "two watches on one descriptor");
  io->mock = mock;
  io->fn = fn;
  io->arg = arg;
  io->fd = fd;
  io->want = want;
  io->next = mock->ios;
  mock->ios = io;
  return io;
}

static void host_io_want(struct plug_io *io, uint32_t want) PLUG_NOEXCEPT
{
  mock_check_home(io->mock, "io_want");
  if (io->closed)
    mock_breach(io->mock, MOCK_USE, "io_want after io_close");
  io->want = want;
}

static void host_io_close(struct plug_io *io) PLUG_NOEXCEPT
{
  mock_check_home(io->mock, "io_close");
  if (io->closed)
    mock_breach(io->mock, MOCK_USE, "io_close twice");
  io->closed = 1;
}

static struct plug_timer *host_timer_new(const struct plug_host *host, plug_fn fn,
                                         void *arg) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  if (mock_used(mock, "timer_new", 1))
    return NULL;
  struct plug_timer *timer = (struct plug_timer *)mock_must(calloc(1, sizeof *timer));
  mock_check_home(mock, "timer_new");
  timer->mock = mock;
  timer->fn = fn;
  timer->arg = arg;
  timer->next = mock->timers;
  mock->timers = timer;
  return timer;
}

static void host_timer_set(struct plug_timer *timer, uint64_t after_ms) PLUG_NOEXCEPT
{
  mock_check_home(timer->mock, "timer_set");
  if (timer->freed)
    mock_breach(timer->mock, MOCK_USE, "timer_set after timer_free");
  timer->armed = 1;
  timer->set_ms = timer->mock->now_ms;
  timer->due_ms = timer->set_ms + after_ms;
  timer->turn = timer->mock->next_turn++;
}

static void host_timer_stop(struct plug_timer *timer) PLUG_NOEXCEPT
{
  mock_check_home(timer->mock, "timer_stop");
  timer->armed = 0;
}

static void host_timer_free(struct plug_timer *timer) PLUG_NOEXCEPT
{
  mock_check_home(timer->mock, "timer_free");
  if (timer->freed)
    mock_breach(timer->mock, MOCK_USE, "timer_free twice");
  timer->freed = 1;
  timer->armed = 0;
}

/* ---- Operations ---- */

int mock_take_completion(struct plug_op *op, const char *how)
{
  char line[96];
  if (!op->done && op->offered) {
    op->done = 1;
    if (op->lent && op->returned) {
      mock_unref_locked(op->lent);
      op->lent = NULL;
    }
    return 1;
  }
  snprintf(line, sizeof line, "%s on an operation that is %s", how,
           op->done ? "completed already" : "not pending");
  mock_breach_locked(op->mock, MOCK_OP, line);
  return 0;
}

static void host_op_done(struct plug_op *op, plug_status status,
                         struct plug_str detail) PLUG_NOEXCEPT
{
  mock_used(op->mock, "op_done", 0);
  pthread_mutex_lock(&op->mock->lock);
  if (status == PLUG_PENDING)
    mock_breach_locked(op->mock, MOCK_OP, "op_done with PLUG_PENDING");
  else if (mock_take_completion(op, "op_done"))
    op->status = status;
  if (detail.len)
    mock_append_log(op->mock, "detail", detail);
  pthread_mutex_unlock(&op->mock->lock);
}

static uint64_t host_op_deadline_ms(const struct plug_op *op) PLUG_NOEXCEPT
{
  mock_used(op->mock, "op_deadline_ms", 0);
  return op->deadline_ms;
}

struct plug_op *mock_new_op(struct plug_mock *mock, uint64_t limit_ms)
{
  struct plug_op *op = (struct plug_op *)mock_must(calloc(1, sizeof *op));
  op->mock = mock;
  op->offered = 1;
  pthread_mutex_lock(&mock->lock);
  op->deadline_ms = mock->now_ms + limit_ms;
  op->next = mock->ops;
  mock->ops = op;
  pthread_mutex_unlock(&mock->lock);
  return op;
}

static uint64_t wall_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Meanwhile the mock's clock goes with that on the wall: whoever waits for a backend has time-outs.
 */
plug_status mock_wait_for(struct plug_op *op, plug_status status)
{
  struct plug_mock *mock = op->mock;
  uint64_t last = wall_ms();
  for (;;) {
    pthread_mutex_lock(&mock->lock);
    int done = op->done;
    if (status != PLUG_PENDING) {
      if (done)
        mock_breach_locked(mock, MOCK_BOTH,
                           "an operation is completed, and a result is returned, too");
      op->offered = 0;
    }
    pthread_mutex_unlock(&mock->lock);
    if (status != PLUG_PENDING)
      return status;
    if (done)
      return op->status;
    if (mock->now_ms >= op->deadline_ms)
      break;
    if (mock->kit && mock->kit->idle(mock)) {
      uint64_t until = op->deadline_ms;
      for (const struct plug_timer *timer = mock->timers; timer; timer = timer->next)
        if (timer->armed && timer->due_ms < until)
          until = timer->due_ms;
      plug_mock_advance(mock, until > mock->now_ms ? until - mock->now_ms : 0);
      last = wall_ms();
      continue;
    }
    plug_mock_turn(mock, 2);
    uint64_t now = wall_ms();
    plug_mock_advance(mock, now - last);
    last = now;
  }
  mock_breach(mock, MOCK_LATE, "an operation is not completed in time");
  return PLUG_ETIMEDOUT;
}

void mock_fill_services(struct plug_host *host)
{
  host->log_on = host_log_on;
  host->log = host_log;
  host->cfg_str = host_cfg_str;
  host->cfg_i64 = host_cfg_i64;
  host->now_ms = host_now_ms;
  host->on_home = host_on_home;
  host->post = host_post;
  host->io_open = host_io_open;
  host->io_want = host_io_want;
  host->io_close = host_io_close;
  host->timer_new = host_timer_new;
  host->timer_set = host_timer_set;
  host->timer_stop = host_timer_stop;
  host->timer_free = host_timer_free;
  host->op_done = host_op_done;
  host->op_deadline_ms = host_op_deadline_ms;
}
