/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, when compiled with -std=c11 */
#endif
#include "plug_mock_host.h"

#include <plugboard/ext/metrics.h>

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long the server waits for an operation of each kind. */
enum { OP_LIMIT_MS = 10000, STOP_LIMIT_MS = 5000 };
enum { MAX_POLLED = 64, MAX_METRICS = 64, MAX_PUBLISHED = 64 };

enum mock_phase { PHASE_CREATED, PHASE_RUNNING, PHASE_STOPPED };

struct plug_io {
  struct plug_io *next;
  struct plug_mock *mock;
  plug_io_fn fn;
  void *arg;
  int fd;
  uint32_t want;
  int closed;
};

struct plug_timer {
  struct plug_timer *next;
  struct plug_mock *mock;
  plug_fn fn;
  void *arg;
  uint64_t set_ms, due_ms,
      turn; /* turn: of two that are due at once, the one set first runs first */
  int armed, freed;
};

/* Freed with the mock: one that is completed too late is still there to be told so. */
struct plug_op {
  struct plug_op *next;
  struct plug_mock *mock;
  uint64_t deadline_ms;
  int done, offered; /* offered: a callback has returned PLUG_PENDING, or has not yet returned */
  plug_status status;
  struct plug_mock_verdict *verdict;
  struct plug_decision *decision;
  struct plug_mock_answer *answer;
};

struct plug_metric {
  struct plug_mock *mock;
  char name[64];
  int64_t value;
  int is_gauge;
};

struct mock_msg {
  struct plug_msg msg; /* first: the plugin's pointer is ours */
  struct mock_msg *next;
  struct plug_mock *mock;
  int refs, kept; /* kept: those of refs that the record of deliveries holds */
  struct plug_kv *headers;
  char *bytes, *wire;
  size_t wire_len;
};

struct mock_call {
  struct mock_call *next;
  plug_fn fn;
  void *arg;
  plug_app_published_fn published; /* instead of fn */
};

struct mock_delivery {
  const struct plug_msg *msg;
  uint64_t interest;
};

struct plug_mock {
  struct plug_host host; /* first: the plugin's pointer is ours */
  const struct plug_plugin *plugin;
  const char *const *options;
  void *self;
  enum mock_phase phase;
  int in_create;
  pthread_t home;
  pthread_mutex_t lock; /* of all below that functions tagged [any] touch */
  struct mock_call *calls, **calls_end;
  struct plug_op *ops;
  struct mock_msg *msgs;
  uint64_t now_ms, next_id, next_turn;
  size_t n_breaches;
  char *log;
  size_t log_len;
  struct mock_delivery *deliveries;
  size_t n_deliveries;
  plug_status deliver_status;
  struct plug_metric metrics[MAX_METRICS];
  size_t n_metrics;
  struct plug_mock_message published[MAX_PUBLISHED];
  size_t n_published;
  /* Of the home thread. */
  struct plug_io *ios;
  struct plug_timer *timers;
  int32_t state;
  struct plug_app_claims claims;
};

static struct plug_mock *mock_of(const struct plug_host *host)
{
  return (struct plug_mock *)(uintptr_t)host;
}

static void *must(void *memory)
{
  if (!memory)
    abort();
  return memory;
}

static void append_log(struct plug_mock *mock, const char *level, struct plug_str line)
{
  size_t need = mock->log_len + strlen(level) + line.len + 3;
  mock->log = (char *)must(realloc(mock->log, need));
  mock->log_len += (size_t)snprintf(mock->log + mock->log_len, need - mock->log_len, "%s %.*s\n",
                                    level, (int)line.len, line.len ? line.ptr : "");
}

static void breach_locked(struct plug_mock *mock, const char *what)
{
  mock->n_breaches++;
  fprintf(stderr, "%s: breach of contract: %s\n", mock->plugin->id, what);
}

static void breach(struct plug_mock *mock, const char *what)
{
  pthread_mutex_lock(&mock->lock);
  breach_locked(mock, what);
  pthread_mutex_unlock(&mock->lock);
}

/* For what is tagged [home] and needs an instance that has not been stopped. */
static void check_home(struct plug_mock *mock, const char *what)
{
  char line[128];
  if (!pthread_equal(pthread_self(), mock->home)) {
    snprintf(line, sizeof line, "%s away from the home thread", what);
    breach(mock, line);
  }
  if (mock->phase == PHASE_STOPPED || mock->in_create) {
    snprintf(line, sizeof line, "%s %s", what, mock->in_create ? "in create" : "after stop");
    breach(mock, line);
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

static void keep_text(char *to, size_t room, struct plug_str s)
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
    breach_locked(mock, "log with a level that there is not");
  else if (line.len && memchr(line.ptr, '\n', line.len))
    breach_locked(mock, "log with more than one line");
  else
    append_log(mock, names[level], line);
  pthread_mutex_unlock(&mock->lock);
}

static const struct plug_option *find_option(const struct plug_plugin *plugin, const char *name)
{
  for (size_t i = 0; i < plugin->n_options; i++)
    if (strcmp(plugin->options[i].name, name) == 0)
      return &plugin->options[i];
  return NULL;
}

static const char *value_of(const struct plug_mock *mock, const struct plug_option *option)
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

/* What cfg_i64 gives for a text; 0 when it is none of the type's. */
static int read_number(uint32_t type, const char *text, int64_t *out)
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

static int is_number(uint32_t type)
{
  return type == PLUG_OPT_INTEGER || type == PLUG_OPT_BOOL || type == PLUG_OPT_DURATION ||
         type == PLUG_OPT_BYTES;
}

static plug_status read_option(const struct plug_host *host, const char *key, int number,
                               const char **out)
{
  struct plug_mock *mock = mock_of(host);
  const struct plug_option *option = find_option(mock->plugin, key);
  if (!mock->in_create)
    breach(mock, "configuration is read outside create");
  if (!option) {
    breach(mock, "an option is read that the table does not have");
    return PLUG_EINVAL;
  }
  if (is_number(option->type) != number) {
    breach(mock, "an option is read as what it is not: number or text");
    return PLUG_EINVAL;
  }
  *out = value_of(mock, option);
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
  return read_number(find_option(mock_of(host)->plugin, key)->type, text, out) ? PLUG_OK
                                                                               : PLUG_EINVAL;
}

static uint64_t host_now_ms(const struct plug_host *host) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  pthread_mutex_lock(&mock->lock);
  uint64_t now = mock->now_ms;
  pthread_mutex_unlock(&mock->lock);
  return now;
}

static int32_t host_on_home(const struct plug_host *host) PLUG_NOEXCEPT
{
  return pthread_equal(pthread_self(), mock_of(host)->home) != 0;
}

static void post_call(struct plug_mock *mock, plug_fn fn, plug_app_published_fn published,
                      void *arg)
{
  struct mock_call *call = (struct mock_call *)must(calloc(1, sizeof *call));
  call->fn = fn;
  call->published = published;
  call->arg = arg;
  pthread_mutex_lock(&mock->lock);
  if (mock->phase == PHASE_STOPPED)
    breach_locked(mock, "post after stop");
  *mock->calls_end = call;
  mock->calls_end = &call->next;
  pthread_mutex_unlock(&mock->lock);
}

static plug_status host_post(const struct plug_host *host, plug_fn fn, void *arg) PLUG_NOEXCEPT
{
  post_call(mock_of(host), fn, NULL, arg);
  return PLUG_OK;
}

/* ---- Watches and timers ---- */

static struct plug_io *host_io_open(const struct plug_host *host, int fd, uint32_t want,
                                    plug_io_fn fn, void *arg) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  struct plug_io *io = (struct plug_io *)must(calloc(1, sizeof *io));
  check_home(mock, "io_open");
  for (const struct plug_io *other = mock->ios; other; other = other->next)
    if (!other->closed && other->fd == fd)
      breach(mock, "two watches on one descriptor");
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
  check_home(io->mock, "io_want");
  if (io->closed)
    breach(io->mock, "io_want after io_close");
  io->want = want;
}

static void host_io_close(struct plug_io *io) PLUG_NOEXCEPT
{
  check_home(io->mock, "io_close");
  if (io->closed)
    breach(io->mock, "io_close twice");
  io->closed = 1;
}

static struct plug_timer *host_timer_new(const struct plug_host *host, plug_fn fn,
                                         void *arg) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  struct plug_timer *timer = (struct plug_timer *)must(calloc(1, sizeof *timer));
  check_home(mock, "timer_new");
  timer->mock = mock;
  timer->fn = fn;
  timer->arg = arg;
  timer->next = mock->timers;
  mock->timers = timer;
  return timer;
}

static void host_timer_set(struct plug_timer *timer, uint64_t after_ms) PLUG_NOEXCEPT
{
  check_home(timer->mock, "timer_set");
  if (timer->freed)
    breach(timer->mock, "timer_set after timer_free");
  timer->armed = 1;
  timer->set_ms = timer->mock->now_ms;
  timer->due_ms = timer->set_ms + after_ms;
  timer->turn = timer->mock->next_turn++;
}

static void host_timer_stop(struct plug_timer *timer) PLUG_NOEXCEPT
{
  check_home(timer->mock, "timer_stop");
  timer->armed = 0;
}

static void host_timer_free(struct plug_timer *timer) PLUG_NOEXCEPT
{
  check_home(timer->mock, "timer_free");
  if (timer->freed)
    breach(timer->mock, "timer_free twice");
  timer->freed = 1;
  timer->armed = 0;
}

/* ---- Operations ---- */

/* Under the lock. 1 if op may be completed now. */
static int take_completion(struct plug_op *op, const char *how)
{
  char line[96];
  if (!op->done && op->offered) {
    op->done = 1;
    return 1;
  }
  snprintf(line, sizeof line, "%s on an operation that is %s", how,
           op->done ? "completed already" : "not pending");
  breach_locked(op->mock, line);
  return 0;
}

static void host_op_done(struct plug_op *op, plug_status status,
                         struct plug_str detail) PLUG_NOEXCEPT
{
  pthread_mutex_lock(&op->mock->lock);
  if (status == PLUG_PENDING)
    breach_locked(op->mock, "op_done with PLUG_PENDING");
  else if (take_completion(op, "op_done"))
    op->status = status;
  if (detail.len)
    append_log(op->mock, "detail", detail);
  pthread_mutex_unlock(&op->mock->lock);
}

static uint64_t host_op_deadline_ms(const struct plug_op *op) PLUG_NOEXCEPT
{
  return op->deadline_ms;
}

static struct plug_op *new_op(struct plug_mock *mock, uint64_t limit_ms)
{
  struct plug_op *op = (struct plug_op *)must(calloc(1, sizeof *op));
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

/* The outcome of a callback that has returned status. Meanwhile the mock's clock goes with that on
 * the wall: whoever waits for a backend has time-outs. */
static plug_status wait_for(struct plug_op *op, plug_status status)
{
  struct plug_mock *mock = op->mock;
  uint64_t last = wall_ms();
  for (;;) {
    pthread_mutex_lock(&mock->lock);
    int done = op->done;
    if (status != PLUG_PENDING) {
      if (done)
        breach_locked(mock, "an operation is completed, and a result is returned, too");
      op->offered = 0;
    }
    pthread_mutex_unlock(&mock->lock);
    if (status != PLUG_PENDING)
      return status;
    if (done)
      return op->status;
    if (mock->now_ms >= op->deadline_ms)
      break;
    plug_mock_turn(mock, 2);
    uint64_t now = wall_ms();
    plug_mock_advance(mock, now - last);
    last = now;
  }
  breach(mock, "an operation is not completed in time");
  return PLUG_ETIMEDOUT;
}

/* ---- Messages ---- */

/* Binary is what is not UTF-8: overlong forms, surrogates and what is past U+10FFFF are not. */
static int is_utf8(struct plug_str s)
{
  for (size_t i = 0; i < s.len;) {
    unsigned char c = (unsigned char)s.ptr[i];
    size_t more = c < 0x80 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    unsigned long code = more == 0 ? c : (unsigned long)(c & (0x3F >> more));
    if ((c >= 0x80 && c < 0xC2) || c > 0xF4 || s.len - i <= more)
      return 0;
    for (size_t k = 1; k <= more; k++) {
      unsigned char next = (unsigned char)s.ptr[i + k];
      if ((next & 0xC0) != 0x80)
        return 0;
      code = code << 6 | (next & 0x3F);
    }
    if ((more == 2 && code < 0x800) || (more == 3 && (code < 0x10000 || code > 0x10FFFF)) ||
        (code >= 0xD800 && code <= 0xDFFF))
      return 0;
    i += more + 1;
  }
  return 1;
}

static struct plug_str put(char **at, struct plug_str s)
{
  struct plug_str copy = {*at, s.len};
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

static struct mock_msg *make_msg(struct plug_mock *mock, const struct plug_msg_init *init,
                                 struct plug_str origin, uint64_t id)
{
  static const char *const ours[] = {"destination", "message-id",   "subscription",
                                     "ack",         "content-type", "content-length"};
  size_t total = init->topic.len + init->content_type.len + init->payload.len + origin.len;
  int good = init->topic.len > 0;
  for (size_t i = 0; i < init->n_headers; i++) {
    struct plug_str key = init->headers[i].key;
    total += key.len + init->headers[i].value.len;
    good = good && key.len > 0;
    for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
      good = good && !plug_mock_is(key, ours[k]);
  }
  if (!good) {
    pthread_mutex_lock(&mock->lock);
    append_log(
        mock, "warn",
        plug_mock_str("a message without a topic, or with a header that only the server writes"));
    pthread_mutex_unlock(&mock->lock);
    return NULL;
  }
  struct mock_msg *m = (struct mock_msg *)must(calloc(1, sizeof *m));
  m->bytes = (char *)must(malloc(total + 1));
  m->headers = (struct plug_kv *)must(calloc(init->n_headers + 1, sizeof *m->headers));
  char *at = m->bytes;
  m->msg.size = (uint32_t)sizeof m->msg;
  m->msg.flags = is_utf8(init->payload) ? 0 : PLUG_MSG_BINARY;
  m->msg.topic = put(&at, init->topic);
  m->msg.content_type = put(&at, init->content_type);
  m->msg.payload = put(&at, init->payload);
  m->msg.origin = put(&at, origin);
  for (size_t i = 0; i < init->n_headers; i++) {
    m->headers[i].key = put(&at, init->headers[i].key);
    m->headers[i].value = put(&at, init->headers[i].value);
  }
  m->msg.headers = m->headers;
  m->msg.n_headers = init->n_headers;
  m->msg.pos = init->pos;
  m->mock = mock;
  m->refs = 1;
  pthread_mutex_lock(&mock->lock);
  m->msg.id = id ? id : ++mock->next_id;
  m->next = mock->msgs;
  mock->msgs = m;
  pthread_mutex_unlock(&mock->lock);
  return m;
}

static const struct plug_msg *host_msg_make(const struct plug_host *host,
                                            const struct plug_msg_init *init) PLUG_NOEXCEPT
{
  struct mock_msg *m = make_msg(mock_of(host), init, plug_mock_str(host->node), 0);
  return m ? &m->msg : NULL;
}

/* The wire format: "MOCK", id, how many headers, and each string with its length before it. The
 * server's is another, which plugins must not know. */
static void put_str(char **at, struct plug_str s)
{
  uint32_t len = (uint32_t)s.len;
  memcpy(*at, &len, sizeof len);
  *at += sizeof len;
  put(at, s);
}

static struct plug_str host_msg_encode(const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct mock_msg *m = (struct mock_msg *)(uintptr_t)msg;
  struct plug_str strings[4] = {msg->topic, msg->content_type, msg->payload, msg->origin};
  pthread_mutex_lock(&m->mock->lock);
  if (!m->wire) {
    uint32_t n_headers = (uint32_t)msg->n_headers;
    size_t len = 4 + sizeof msg->id + sizeof n_headers;
    for (size_t i = 0; i < 4; i++)
      len += 4 + strings[i].len;
    for (size_t i = 0; i < n_headers; i++)
      len += 8 + msg->headers[i].key.len + msg->headers[i].value.len;
    char *at = m->wire = (char *)must(malloc(len));
    m->wire_len = len;
    put(&at, plug_mock_str("MOCK"));
    memcpy(at, &msg->id, sizeof msg->id);
    at += sizeof msg->id;
    memcpy(at, &n_headers, sizeof n_headers);
    at += sizeof n_headers;
    for (size_t i = 0; i < 4; i++)
      put_str(&at, strings[i]);
    for (size_t i = 0; i < n_headers; i++) {
      put_str(&at, msg->headers[i].key);
      put_str(&at, msg->headers[i].value);
    }
  }
  struct plug_str wire = {m->wire, m->wire_len};
  pthread_mutex_unlock(&m->mock->lock);
  return wire;
}

static int get_bytes(struct plug_str *from, void *out, size_t len)
{
  if (from->len < len)
    return 0;
  memcpy(out, from->ptr, len);
  from->ptr += len;
  from->len -= len;
  return 1;
}

static int get_str(struct plug_str *from, struct plug_str *out)
{
  uint32_t len;
  if (!get_bytes(from, &len, sizeof len) || from->len < len)
    return 0;
  out->ptr = from->ptr;
  out->len = len;
  from->ptr += len;
  from->len -= len;
  return 1;
}

static const struct plug_msg *host_msg_decode(const struct plug_host *host,
                                              struct plug_str wire) PLUG_NOEXCEPT
{
  struct plug_msg_init init;
  struct plug_str origin;
  char mark[4];
  uint64_t id;
  uint32_t n_headers;
  memset(&init, 0, sizeof init);
  if (!get_bytes(&wire, mark, 4) || memcmp(mark, "MOCK", 4) != 0 ||
      !get_bytes(&wire, &id, sizeof id) || !get_bytes(&wire, &n_headers, sizeof n_headers) ||
      !get_str(&wire, &init.topic) || !get_str(&wire, &init.content_type) ||
      !get_str(&wire, &init.payload) || !get_str(&wire, &origin) || n_headers > wire.len / 8)
    return NULL;
  struct plug_kv *headers = (struct plug_kv *)must(calloc((size_t)n_headers + 1, sizeof *headers));
  int good = 1;
  for (uint32_t i = 0; good && i < n_headers; i++)
    good = get_str(&wire, &headers[i].key) && get_str(&wire, &headers[i].value);
  init.size = (uint32_t)sizeof init;
  init.headers = headers;
  init.n_headers = n_headers;
  struct mock_msg *m = good && wire.len == 0 ? make_msg(mock_of(host), &init, origin, id) : NULL;
  free(headers);
  return m ? &m->msg : NULL;
}

static void host_msg_ref(const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct mock_msg *m = (struct mock_msg *)(uintptr_t)msg;
  pthread_mutex_lock(&m->mock->lock);
  m->refs++;
  pthread_mutex_unlock(&m->mock->lock);
}

/* A message is freed with the mock, so that one reference too many given back is seen. */
static void host_msg_unref(const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct mock_msg *m = (struct mock_msg *)(uintptr_t)msg;
  pthread_mutex_lock(&m->mock->lock);
  if (m->refs <= m->kept)
    breach_locked(m->mock, "msg_unref without a reference");
  else
    m->refs--;
  pthread_mutex_unlock(&m->mock->lock);
}

/* ---- Metrics ---- */

static struct plug_metric *new_metric(const struct plug_host *host, const char *name, int is_gauge)
{
  struct plug_mock *mock = mock_of(host);
  for (size_t i = 0; i < mock->n_metrics; i++)
    if (strcmp(mock->metrics[i].name, name) == 0)
      return &mock->metrics[i];
  size_t len = strlen(name);
  if (len == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len ||
      len >= sizeof mock->metrics[0].name || mock->n_metrics == MAX_METRICS) {
    breach(mock, "a metric with a name that is none, or too many of them");
    return NULL;
  }
  struct plug_metric *metric = &mock->metrics[mock->n_metrics++];
  metric->mock = mock;
  metric->is_gauge = is_gauge;
  memcpy(metric->name, name, len + 1);
  return metric;
}

static struct plug_metric *metrics_counter(const struct plug_host *host, const char *name,
                                           const char *help) PLUG_NOEXCEPT
{
  (void)help;
  return new_metric(host, name, 0);
}

static struct plug_metric *metrics_gauge(const struct plug_host *host, const char *name,
                                         const char *help) PLUG_NOEXCEPT
{
  (void)help;
  return new_metric(host, name, 1);
}

static void metrics_add(struct plug_metric *metric, int64_t n) PLUG_NOEXCEPT
{
  pthread_mutex_lock(&metric->mock->lock);
  if (n < 0 && !metric->is_gauge)
    breach_locked(metric->mock, "a counter falls");
  metric->value += n;
  pthread_mutex_unlock(&metric->mock->lock);
}

static void metrics_set(struct plug_metric *metric, int64_t value) PLUG_NOEXCEPT
{
  pthread_mutex_lock(&metric->mock->lock);
  if (!metric->is_gauge)
    breach_locked(metric->mock, "a counter is set");
  metric->value = value;
  pthread_mutex_unlock(&metric->mock->lock);
}

static const struct plug_metrics metrics_table = {
    (uint32_t)sizeof metrics_table, 0, metrics_counter, metrics_gauge, metrics_add, metrics_set,
};

static const void *host_extension(const struct plug_host *host, const char *id) PLUG_NOEXCEPT
{
  (void)host;
  return strcmp(id, PLUG_EXT_METRICS) == 0 ? &metrics_table : NULL;
}

/* ---- Upcalls of brokers ---- */

static plug_status broker_deliver(const struct plug_host *host, uint64_t interest,
                                  const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  struct mock_msg *m = (struct mock_msg *)(uintptr_t)msg;
  pthread_mutex_lock(&mock->lock);
  plug_status status = mock->deliver_status;
  if (mock->phase == PHASE_STOPPED) {
    breach_locked(mock, "deliver after stop");
    status = PLUG_ESTATE;
  } else if (m->refs <= m->kept) {
    breach_locked(mock, "deliver without a reference to the message");
  } else {
    mock->deliveries = (struct mock_delivery *)must(
        realloc(mock->deliveries, (mock->n_deliveries + 1) * sizeof *mock->deliveries));
    mock->deliveries[mock->n_deliveries].msg = msg;
    mock->deliveries[mock->n_deliveries++].interest = interest;
    m->refs++;
    m->kept++;
  }
  pthread_mutex_unlock(&mock->lock);
  return status;
}

static void broker_state(const struct plug_host *host, int32_t state, uint32_t flags,
                         struct plug_str why) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  check_home(mock, "state");
  (void)flags;
  pthread_mutex_lock(&mock->lock);
  mock->state = state;
  append_log(mock, state == PLUG_STATE_UP ? "up" : "down", why);
  pthread_mutex_unlock(&mock->lock);
}

static const struct plug_broker_up broker_up = {
    (uint32_t)sizeof broker_up,
    0,
    broker_deliver,
    broker_state,
};

/* ---- Upcalls of auth plugins ---- */

static void auth_grant(struct plug_op *op, const struct plug_identity *who) PLUG_NOEXCEPT
{
  pthread_mutex_lock(&op->mock->lock);
  if (!op->verdict)
    breach_locked(op->mock, "grant on an operation that is not of authenticate");
  else if (who->size == 0 || who->user.len == 0 || who->user.len > 255)
    breach_locked(op->mock, "grant without size, or with a user of no or over 255 bytes");
  else if (take_completion(op, "grant")) {
    struct plug_mock_verdict *out = op->verdict;
    size_t at = 0;
    op->status = PLUG_ALLOW;
    out->ctx = who->ctx;
    keep_text(out->user, sizeof out->user, who->user);
    for (size_t i = 0; i < who->n_roles && at + 2 < sizeof out->roles; i++) {
      if (i)
        out->roles[at++] = ',';
      keep_text(out->roles + at, sizeof out->roles - at, who->roles[i]);
      at += strlen(out->roles + at);
    }
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static void auth_decide(struct plug_op *op, plug_status verdict,
                        const struct plug_decision *decision) PLUG_NOEXCEPT
{
  pthread_mutex_lock(&op->mock->lock);
  if (!op->decision)
    breach_locked(op->mock, "decide on an operation that is not of authorize");
  else if (take_completion(op, "decide")) {
    op->status = verdict;
    if (decision)
      *op->decision = *decision;
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static void auth_refuse(struct plug_op *op, const struct plug_refusal *refusal) PLUG_NOEXCEPT
{
  pthread_mutex_lock(&op->mock->lock);
  if (!op->verdict)
    breach_locked(op->mock, "refuse on an operation that is not of authenticate");
  else if (take_completion(op, "refuse")) {
    op->status = PLUG_DENY;
    keep_text(op->verdict->code, sizeof op->verdict->code, refusal->code);
    keep_text(op->verdict->reason, sizeof op->verdict->reason, refusal->reason);
    if (refusal->detail.len)
      append_log(op->mock, "detail", refusal->detail);
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static const struct plug_auth_up auth_up = {
    (uint32_t)sizeof auth_up, 0, auth_grant, auth_decide, auth_refuse,
};

/* ---- Upcalls of applications ---- */

static void keep_message(struct plug_mock_message *out, const struct plug_app_message *message)
{
  keep_text(out->destination, sizeof out->destination, message->destination);
  keep_text(out->body, sizeof out->body, message->body);
}

static void app_answer(struct plug_op *op, const struct plug_app_answer *answer) PLUG_NOEXCEPT
{
  pthread_mutex_lock(&op->mock->lock);
  if (!op->answer)
    breach_locked(op->mock, "answer on an operation that is not of request");
  else if (take_completion(op, "answer")) {
    struct plug_mock_answer *out = op->answer;
    op->status = PLUG_OK;
    if (answer->error) {
      keep_text(out->code, sizeof out->code, answer->error->code);
      keep_text(out->reason, sizeof out->reason, answer->error->reason);
    } else {
      out->n_publishes = answer->n_publishes;
      for (size_t i = 0; i < answer->n_publishes && i < 8; i++)
        keep_message(&out->publishes[i], &answer->publishes[i]);
      out->has_reply = answer->reply != NULL;
      if (answer->reply)
        keep_message(&out->reply, answer->reply);
    }
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static plug_status keep_published(struct plug_mock *mock, const struct plug_app_message *message)
{
  plug_status status = PLUG_OK;
  pthread_mutex_lock(&mock->lock);
  if (mock->phase != PHASE_RUNNING)
    status = PLUG_ESTATE;
  else if (message->destination.len == 0 || message->destination.ptr[0] != '/')
    status = PLUG_EINVAL;
  else if (mock->n_published == MAX_PUBLISHED)
    status = PLUG_ENOMEM;
  else
    keep_message(&mock->published[mock->n_published++], message);
  pthread_mutex_unlock(&mock->lock);
  return status;
}

static plug_status app_publish(const struct plug_host *host, const struct plug_app_message *message,
                               plug_app_published_fn done, void *arg) PLUG_NOEXCEPT
{
  plug_status status = keep_published(mock_of(host), message);
  if (status == PLUG_OK && done)
    post_call(mock_of(host), NULL, done, arg);
  return status;
}

static plug_status app_publish_local(const struct plug_host *host,
                                     const struct plug_app_message *message, uint64_t session,
                                     struct plug_str subscription) PLUG_NOEXCEPT
{
  (void)session;
  (void)subscription;
  return keep_published(mock_of(host), message);
}

static plug_status app_check(const struct plug_host *host,
                             const struct plug_app_message *message) PLUG_NOEXCEPT
{
  (void)host;
  return message->destination.len && message->destination.ptr[0] == '/' ? PLUG_OK : PLUG_EINVAL;
}

static const struct plug_app_up app_up = {
    (uint32_t)sizeof app_up, 0, app_answer, app_publish, app_publish_local, app_check,
};

/* ---- The instance ---- */

static void fill_host(struct plug_mock *mock)
{
  struct plug_host *host = &mock->host;
  host->size = (uint32_t)sizeof *host;
  host->abi_major = PLUG_ABI_MAJOR;
  host->abi_minor = PLUG_ABI_MINOR;
  host->server = "plug_mock_host";
  host->instance = "mock";
  host->node = "node-1";
  host->broker = mock->plugin->broker ? &broker_up : NULL;
  host->auth = mock->plugin->auth ? &auth_up : NULL;
  host->app = mock->plugin->app ? &app_up : NULL;
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
  host->msg_make = host_msg_make;
  host->msg_decode = host_msg_decode;
  host->msg_encode = host_msg_encode;
  host->msg_ref = host_msg_ref;
  host->msg_unref = host_msg_unref;
  host->extension = host_extension;
}

/* What the server checks of the configuration before create, but for ranges. */
static int options_are_good(const struct plug_mock *mock, struct plug_err *err)
{
  int64_t number;
  for (const char *const *o = mock->options; o && *o; o += 2)
    if (!find_option(mock->plugin, o[0])) {
      snprintf(err->text, sizeof err->text, "%s: no such option", o[0]);
      return 0;
    }
  for (size_t i = 0; i < mock->plugin->n_options; i++) {
    const struct plug_option *option = &mock->plugin->options[i];
    const char *value = value_of(mock, option);
    if (!value && (option->flags & PLUG_OPT_REQUIRED)) {
      snprintf(err->text, sizeof err->text, "%s: is missing", option->name);
      return 0;
    }
    if (value && is_number(option->type) && !read_number(option->type, value, &number)) {
      snprintf(err->text, sizeof err->text, "%s: cannot be read: %s", option->name, value);
      return 0;
    }
  }
  return 1;
}

static void free_mock(struct plug_mock *mock)
{
  while (mock->ops) {
    struct plug_op *next = mock->ops->next;
    free(mock->ops);
    mock->ops = next;
  }
  while (mock->msgs) {
    struct mock_msg *next = mock->msgs->next;
    free(mock->msgs->bytes);
    free(mock->msgs->headers);
    free(mock->msgs->wire);
    free(mock->msgs);
    mock->msgs = next;
  }
  while (mock->calls) {
    struct mock_call *next = mock->calls->next;
    free(mock->calls);
    mock->calls = next;
  }
  while (mock->timers) {
    struct plug_timer *next = mock->timers->next;
    free(mock->timers);
    mock->timers = next;
  }
  while (mock->ios) {
    struct plug_io *next = mock->ios->next;
    free(mock->ios);
    mock->ios = next;
  }
  free(mock->deliveries);
  free(mock->log);
  pthread_mutex_destroy(&mock->lock);
  free(mock);
}

struct plug_mock *plug_mock_new(const struct plug_plugin *plugin, const char *const *options,
                                struct plug_err *err)
{
  struct plug_mock *mock = (struct plug_mock *)must(calloc(1, sizeof *mock));
  memset(err, 0, sizeof *err);
  mock->plugin = plugin;
  mock->options = options;
  mock->home = pthread_self();
  pthread_mutex_init(&mock->lock, NULL);
  mock->calls_end = &mock->calls;
  mock->now_ms = 1000000;
  mock->state = -1;
  fill_host(mock);
  err->code = PLUG_EINVAL;
  if (options_are_good(mock, err)) {
    mock->in_create = 1;
    err->code = plugin->create(&mock->host, &mock->self, err);
    if (err->code == PLUG_OK && plugin->app && plugin->app->claims) {
      mock->claims.size = (uint32_t)sizeof mock->claims;
      plugin->app->claims(mock->self, &mock->claims);
    }
    if (err->code == PLUG_OK && plugin->auth &&
        plugin->auth->size > offsetof(struct plug_auth, credentials) && plugin->auth->credentials) {
      struct plug_credentials credentials;
      memset(&credentials, 0, sizeof credentials);
      credentials.size = (uint32_t)sizeof credentials;
      plugin->auth->credentials(mock->self, &credentials);
    }
    mock->in_create = 0;
  }
  if (err->code == PLUG_OK)
    return mock;
  free_mock(mock);
  return NULL;
}

void *plug_mock_self(const struct plug_mock *mock)
{
  return mock->self;
}

static plug_status run_step(struct plug_mock *mock,
                            plug_status (*step)(void *self, struct plug_op *) PLUG_NOEXCEPT,
                            uint64_t limit_ms)
{
  if (!step)
    return PLUG_OK;
  struct plug_op *op = new_op(mock, limit_ms);
  return wait_for(op, step(mock->self, op));
}

plug_status plug_mock_start(struct plug_mock *mock)
{
  mock->phase = PHASE_RUNNING;
  return run_step(mock, mock->plugin->start, OP_LIMIT_MS);
}

plug_status plug_mock_drain(struct plug_mock *mock)
{
  return run_step(mock, mock->plugin->drain, STOP_LIMIT_MS);
}

static void check_nothing_left(struct plug_mock *mock)
{
  for (const struct plug_timer *timer = mock->timers; timer; timer = timer->next)
    if (!timer->freed)
      breach_locked(mock, "a timer is left after stop");
  for (const struct plug_io *io = mock->ios; io; io = io->next)
    if (!io->closed)
      breach_locked(mock, "a watch is left after stop");
  for (const struct plug_op *op = mock->ops; op; op = op->next)
    if (op->offered && !op->done)
      breach_locked(mock, "an operation is left after stop");
}

size_t plug_mock_free(struct plug_mock *mock)
{
  if (mock->phase == PHASE_RUNNING) {
    if (run_step(mock, mock->plugin->stop, STOP_LIMIT_MS) < 0)
      breach(mock, "stop fails");
    plug_mock_turn(mock, 0);
    pthread_mutex_lock(&mock->lock);
    mock->phase = PHASE_STOPPED;
    check_nothing_left(mock);
    pthread_mutex_unlock(&mock->lock);
  }
  mock->plugin->destroy(mock->self);
  for (const struct mock_msg *m = mock->msgs; m; m = m->next)
    if (m->refs > m->kept)
      breach(mock, "a message is left after destroy");
  size_t n = mock->n_breaches;
  free_mock(mock);
  return n;
}

size_t plug_mock_breaches(const struct plug_mock *mock)
{
  return mock->n_breaches;
}

/* ---- The loop ---- */

static void run_calls(struct plug_mock *mock)
{
  pthread_mutex_lock(&mock->lock);
  struct mock_call *call = mock->calls;
  mock->calls = NULL;
  mock->calls_end = &mock->calls;
  pthread_mutex_unlock(&mock->lock);
  while (call) {
    struct mock_call *next = call->next;
    if (call->published)
      call->published(call->arg, PLUG_OK);
    else
      call->fn(call->arg);
    free(call);
    call = next;
  }
}

void plug_mock_turn(struct plug_mock *mock, int wait_ms)
{
  struct pollfd fds[MAX_POLLED];
  struct plug_io *ios[MAX_POLLED];
  nfds_t n = 0;
  run_calls(mock);
  for (struct plug_io *io = mock->ios; io && n < MAX_POLLED; io = io->next) {
    if (io->closed || !io->want)
      continue;
    ios[n] = io;
    fds[n].fd = io->fd;
    fds[n].events =
        (short)((io->want & PLUG_IO_READ ? POLLIN : 0) | (io->want & PLUG_IO_WRITE ? POLLOUT : 0));
    fds[n++].revents = 0;
  }
  /* Nobody is woken by a post from another thread: it is seen in the next turn. */
  int ready = poll(fds, n, wait_ms);
  for (nfds_t i = 0; ready > 0 && i < n; i++) {
    uint32_t what = (fds[i].revents & (POLLIN | POLLERR | POLLHUP) ? PLUG_IO_READ : 0) |
                    (fds[i].revents & POLLOUT ? PLUG_IO_WRITE : 0);
    if (what && !ios[i]->closed && ios[i]->want)
      ios[i]->fn(ios[i]->arg, ios[i]->fd, what);
  }
  run_calls(mock);
}

static void set_clock(struct plug_mock *mock, uint64_t now_ms)
{
  pthread_mutex_lock(&mock->lock);
  mock->now_ms = now_ms;
  pthread_mutex_unlock(&mock->lock);
}

void plug_mock_advance(struct plug_mock *mock, uint64_t ms)
{
  uint64_t end = mock->now_ms + ms, after = mock->next_turn;
  for (;;) {
    struct plug_timer *first = NULL;
    for (struct plug_timer *timer = mock->timers; timer; timer = timer->next)
      if (timer->armed && timer->due_ms <= end &&
          /* One that is set to 0 ms by its own callback waits for the clock to move. */
          (timer->turn < after || timer->due_ms > timer->set_ms) &&
          (!first || timer->due_ms < first->due_ms ||
           (timer->due_ms == first->due_ms && timer->turn < first->turn)))
        first = timer;
    if (!first)
      break;
    if (first->due_ms > mock->now_ms)
      set_clock(mock, first->due_ms);
    first->armed = 0;
    first->fn(first->arg);
    plug_mock_turn(mock, 0);
  }
  set_clock(mock, end);
  plug_mock_turn(mock, 0);
}

/* ---- What tests look at and call ---- */

const char *plug_mock_log(const struct plug_mock *mock)
{
  return mock->log ? mock->log : "";
}

int64_t plug_mock_metric(const struct plug_mock *mock, const char *name)
{
  for (size_t i = 0; i < mock->n_metrics; i++)
    if (strcmp(mock->metrics[i].name, name) == 0)
      return mock->metrics[i].value;
  return -1;
}

plug_status plug_mock_subscribe(struct plug_mock *mock, const struct plug_interest *interest)
{
  struct plug_op *op = new_op(mock, OP_LIMIT_MS);
  return wait_for(op, mock->plugin->broker->subscribe(mock->self, interest, 1, op));
}

plug_status plug_mock_unsubscribe(struct plug_mock *mock, const struct plug_interest *interest)
{
  struct plug_op *op = new_op(mock, OP_LIMIT_MS);
  return wait_for(op, mock->plugin->broker->unsubscribe(mock->self, interest, 1, op));
}

plug_status plug_mock_publish(struct plug_mock *mock, const char *topic, struct plug_str payload)
{
  struct plug_msg_init init;
  memset(&init, 0, sizeof init);
  init.size = (uint32_t)sizeof init;
  init.topic = plug_mock_str(topic);
  init.payload = payload;
  const struct plug_msg *msg = host_msg_make(&mock->host, &init);
  if (!msg)
    return PLUG_EINVAL;
  struct plug_op *op = new_op(mock, OP_LIMIT_MS);
  plug_status status = wait_for(op, mock->plugin->broker->publish(mock->self, msg, op));
  host_msg_unref(msg);
  return status;
}

void plug_mock_deliver_status(struct plug_mock *mock, plug_status status)
{
  pthread_mutex_lock(&mock->lock);
  mock->deliver_status = status;
  pthread_mutex_unlock(&mock->lock);
}

size_t plug_mock_deliveries(const struct plug_mock *mock)
{
  return mock->n_deliveries;
}

const struct plug_msg *plug_mock_delivery(const struct plug_mock *mock, size_t i,
                                          uint64_t *interest)
{
  if (i >= mock->n_deliveries)
    abort();
  if (interest)
    *interest = mock->deliveries[i].interest;
  return mock->deliveries[i].msg;
}

int32_t plug_mock_state(const struct plug_mock *mock)
{
  return mock->state;
}

void plug_mock_authenticate(struct plug_mock *mock, struct plug_auth_request *request,
                            struct plug_mock_verdict *out)
{
  struct plug_op *op = new_op(mock, OP_LIMIT_MS);
  memset(out, 0, sizeof *out);
  request->size = (uint32_t)sizeof *request;
  op->verdict = out;
  out->status = wait_for(op, mock->plugin->auth->authenticate(mock->self, request, op));
  op->verdict = NULL;
}

plug_status plug_mock_authorize(struct plug_mock *mock, struct plug_authz_request *request,
                                struct plug_decision *out)
{
  struct plug_decision decision;
  struct plug_op *op = new_op(mock, OP_LIMIT_MS);
  memset(&decision, 0, sizeof decision);
  decision.size = (uint32_t)sizeof decision;
  request->size = (uint32_t)sizeof *request;
  op->decision = &decision;
  plug_status status =
      wait_for(op, mock->plugin->auth->authorize(mock->self, request, &decision, op));
  op->decision = NULL;
  if (out)
    *out = decision;
  return status;
}

void plug_mock_request(struct plug_mock *mock, struct plug_app_request *request,
                       struct plug_mock_answer *out)
{
  struct plug_op *op = new_op(mock, OP_LIMIT_MS);
  memset(out, 0, sizeof *out);
  request->size = (uint32_t)sizeof *request;
  op->answer = out;
  out->status = wait_for(op, mock->plugin->app->request(mock->self, request, op));
  op->answer = NULL;
}

const struct plug_app_claims *plug_mock_claims(const struct plug_mock *mock)
{
  return &mock->claims;
}

const struct plug_mock_message *plug_mock_published(const struct plug_mock *mock, size_t i)
{
  return i < mock->n_published ? &mock->published[i] : NULL;
}
