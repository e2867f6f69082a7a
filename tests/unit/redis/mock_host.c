#include "mock_host.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <plugboard/ext/metrics.h>
#include <plugboard/ext/presence.h>

struct plug_io {
  struct plug_io *next;
  struct mock_host *h;
  int fd;
  uint32_t want;
  plug_io_fn fn;
  void *arg;
  bool closed;
};

struct plug_timer {
  struct plug_timer *next;
  struct mock_host *h;
  plug_fn fn;
  void *arg;
  uint64_t due_ms;
  bool armed, freed;
};

struct posted {
  struct posted *next;
  plug_fn fn;
  void *arg;
};

struct mock_loop {
  struct plug_io *ios;
  struct plug_timer *timers;
  pthread_mutex_t lock; /* protects posted */
  struct posted *posted, **posted_tail;
  int wake_fd;
  pthread_t thread;
};

struct plug_metric {
  char name[64];
  int64_t value;
  bool is_gauge;
};

enum { MAX_METRICS = 32 };
static struct registered {
  const struct plug_host *host;
  struct plug_metric metric;
} metrics[MAX_METRICS * 8];

struct mock_msg {
  struct plug_msg msg;
  struct mock_host *h;
  int refs;
  char *wire;
  size_t wire_len;
  char bytes[];
};

static struct mock_host *of(const struct plug_host *host)
{
  return (struct mock_host *)(uintptr_t)host;
}

uint64_t mock_now_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct mock_loop *mock_loop_new(void)
{
  struct mock_loop *loop = calloc(1, sizeof *loop);
  assert_non_null(loop);
  pthread_mutex_init(&loop->lock, NULL);
  loop->posted_tail = &loop->posted;
  loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  assert_true(loop->wake_fd >= 0);
  loop->thread = pthread_self();
  return loop;
}

void mock_loop_free(struct mock_loop *loop)
{
  mock_loop_turn(loop, 0); /* sweeps what was closed */
  assert_null(loop->ios);
  assert_null(loop->timers);
  close(loop->wake_fd);
  pthread_mutex_destroy(&loop->lock);
  free(loop);
}

static void run_posted(struct mock_loop *loop)
{
  pthread_mutex_lock(&loop->lock);
  struct posted *p = loop->posted;
  loop->posted = NULL;
  loop->posted_tail = &loop->posted;
  pthread_mutex_unlock(&loop->lock);
  while (p != NULL) {
    struct posted *next = p->next;
    p->fn(p->arg);
    free(p);
    p = next;
  }
}

static void run_timers(struct mock_loop *loop)
{
  uint64_t now = mock_now_ms();
  for (struct plug_timer *t = loop->timers; t != NULL; t = t->next) {
    if (t->freed || !t->armed || t->due_ms > now)
      continue;
    t->armed = false;
    t->fn(t->arg);
  }
}

static void sweep(struct mock_loop *loop)
{
  for (struct plug_io **link = &loop->ios; *link != NULL;) {
    struct plug_io *io = *link;
    if (!io->closed) {
      link = &io->next;
      continue;
    }
    *link = io->next;
    free(io);
  }
  for (struct plug_timer **link = &loop->timers; *link != NULL;) {
    struct plug_timer *t = *link;
    if (!t->freed) {
      link = &t->next;
      continue;
    }
    *link = t->next;
    free(t);
  }
}

void mock_loop_turn(struct mock_loop *loop, int max_ms)
{
  enum { MAX = 64 };
  struct pollfd fds[MAX];
  struct plug_io *ios[MAX];
  nfds_t n = 0;
  uint64_t now = mock_now_ms(), until = now + (uint64_t)max_ms;
  sweep(loop);
  fds[n++] = (struct pollfd){.fd = loop->wake_fd, .events = POLLIN};
  for (struct plug_io *io = loop->ios; io != NULL && n < MAX; io = io->next) {
    if (io->want == 0)
      continue;
    ios[n] = io;
    fds[n++] = (struct pollfd){.fd = io->fd,
                               .events = (short)(((io->want & PLUG_IO_READ) != 0 ? POLLIN : 0) |
                                                 ((io->want & PLUG_IO_WRITE) != 0 ? POLLOUT : 0))};
  }
  for (struct plug_timer *t = loop->timers; t != NULL; t = t->next)
    if (t->armed && t->due_ms < until)
      until = t->due_ms;
  int rc = poll(fds, n, until > now ? (int)(until - now) : 0);
  assert_true(rc >= 0 || errno == EINTR);
  run_timers(loop);
  if (fds[0].revents != 0) {
    uint64_t value;
    assert_int_equal(read(loop->wake_fd, &value, sizeof value), sizeof value);
  }
  run_posted(loop);
  for (nfds_t i = 1; rc > 0 && i < n; i++) {
    struct plug_io *io = ios[i];
    uint32_t ready = 0;
    if ((fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0)
      ready |= PLUG_IO_READ;
    if ((fds[i].revents & POLLOUT) != 0)
      ready |= PLUG_IO_WRITE;
    if (ready != 0 && !io->closed && io->want != 0)
      io->fn(io->arg, io->fd, ready);
  }
  sweep(loop);
}

void mock_pause(struct mock_loop *loop, uint64_t ms)
{
  uint64_t end = mock_now_ms() + ms;
  while (mock_now_ms() < end)
    mock_loop_turn(loop, 5);
}

static int32_t up_log_on(const struct plug_host *host, int32_t level)
{
  (void)host;
  return level >= PLUG_LOG_INFO;
}

static void up_log(const struct plug_host *host, int32_t level, struct plug_str line)
{
  struct mock_host *h = of(host);
  assert_true(level < PLUG_LOG_VIOLATION);
  h->log = realloc(h->log, h->log_len + line.len + 2);
  assert_non_null(h->log);
  memcpy(h->log + h->log_len, line.ptr, line.len);
  h->log_len += line.len;
  h->log[h->log_len++] = '\n';
  h->log[h->log_len] = '\0';
}

static const struct plug_option *find_option(struct mock_host *h, const char *key)
{
  for (size_t i = 0; i < h->plugin->n_options; i++)
    if (strcmp(h->plugin->options[i].name, key) == 0)
      return &h->plugin->options[i];
  fail_msg("no option %s", key);
  return NULL;
}

static const char *value_of(struct mock_host *h, const char *key)
{
  for (const char *const *o = h->options; o != NULL && *o != NULL; o += 2)
    if (strcmp(o[0], key) == 0)
      return o[1];
  return find_option(h, key)->def;
}

static plug_status up_cfg_str(const struct plug_host *host, const char *key, struct plug_str *out)
{
  const char *value = value_of(of(host), key);
  if (value == NULL)
    return PLUG_EINVAL;
  *out = (struct plug_str){value, strlen(value)};
  return PLUG_OK;
}

static plug_status up_cfg_i64(const struct plug_host *host, const char *key, int64_t *out)
{
  const char *value = value_of(of(host), key);
  uint32_t type = find_option(of(host), key)->type;
  char *end;
  if (value == NULL)
    return PLUG_EINVAL;
  int64_t n = strtoll(value, &end, 10);
  if (type == PLUG_OPT_DURATION && strcmp(end, "s") == 0)
    n *= 1000;
  else if (type == PLUG_OPT_BYTES && strcmp(end, "m") == 0)
    n *= 1 << 20;
  else if (type == PLUG_OPT_BYTES && strcmp(end, "k") == 0)
    n *= 1 << 10;
  else if (type == PLUG_OPT_BOOL)
    n = strcmp(value, "on") == 0;
  *out = n;
  return PLUG_OK;
}

static uint64_t up_now_ms(const struct plug_host *host)
{
  (void)host;
  return mock_now_ms();
}

static int32_t up_on_home(const struct plug_host *host)
{
  return pthread_equal(pthread_self(), of(host)->loop->thread) != 0;
}

static plug_status up_post(const struct plug_host *host, plug_fn fn, void *arg)
{
  struct mock_loop *loop = of(host)->loop;
  struct posted *p = malloc(sizeof *p);
  uint64_t one = 1;
  if (p == NULL)
    return PLUG_ENOMEM;
  *p = (struct posted){NULL, fn, arg};
  pthread_mutex_lock(&loop->lock);
  *loop->posted_tail = p;
  loop->posted_tail = &p->next;
  pthread_mutex_unlock(&loop->lock);
  return write(loop->wake_fd, &one, sizeof one) == sizeof one ? PLUG_OK : PLUG_EINTERNAL;
}

static struct plug_io *up_io_open(const struct plug_host *host, int fd, uint32_t want,
                                  plug_io_fn fn, void *arg)
{
  struct mock_host *h = of(host);
  struct plug_io *io = malloc(sizeof *io);
  assert_non_null(io);
  assert_true(up_on_home(host));
  *io = (struct plug_io){h->loop->ios, h, fd, want, fn, arg, false};
  h->loop->ios = io;
  h->n_io++;
  return io;
}

static void up_io_want(struct plug_io *io, uint32_t want)
{
  assert_false(io->closed);
  io->want = want;
}

static void up_io_close(struct plug_io *io)
{
  assert_false(io->closed);
  io->closed = true;
  io->want = 0;
  io->h->n_io--;
}

static struct plug_timer *up_timer_new(const struct plug_host *host, plug_fn fn, void *arg)
{
  struct mock_host *h = of(host);
  struct plug_timer *t = calloc(1, sizeof *t);
  assert_non_null(t);
  *t = (struct plug_timer){.next = h->loop->timers, .h = h, .fn = fn, .arg = arg};
  h->loop->timers = t;
  h->n_timers++;
  return t;
}

static void up_timer_set(struct plug_timer *t, uint64_t after_ms)
{
  assert_false(t->freed);
  t->due_ms = mock_now_ms() + after_ms;
  if (after_ms > t->h->longest_timer_ms)
    t->h->longest_timer_ms = after_ms;
  t->armed = true;
}

static void up_timer_stop(struct plug_timer *t)
{
  assert_false(t->freed);
  t->armed = false;
}

static void up_timer_free(struct plug_timer *t)
{
  assert_false(t->freed);
  t->armed = false;
  t->freed = true;
  t->h->n_timers--;
}

static void up_op_done(struct plug_op *op, plug_status status, struct plug_str detail)
{
  assert_false(op->done);
  assert_int_not_equal(status, PLUG_PENDING);
  op->done = true;
  op->status = status;
  snprintf(op->detail, sizeof op->detail, "%.*s", (int)detail.len,
           detail.len > 0 ? detail.ptr : "");
}

static uint64_t up_op_deadline_ms(const struct plug_op *op)
{
  (void)op;
  return mock_now_ms() + 10000;
}

static struct plug_str put(char **p, struct plug_str s)
{
  struct plug_str out = {*p, s.len};
  if (s.len > 0)
    memcpy(*p, s.ptr, s.len);
  *p += s.len;
  return out;
}

static const struct plug_msg *up_msg_make(const struct plug_host *host,
                                          const struct plug_msg_init *init)
{
  struct mock_host *h = of(host);
  if (init->topic.len == 0)
    return NULL;
  struct mock_msg *m =
      calloc(1, sizeof *m + init->topic.len + init->content_type.len + init->payload.len);
  assert_non_null(m);
  char *p = m->bytes;
  m->msg.size = sizeof m->msg;
  m->msg.id = ++h->next_msg_id;
  m->msg.topic = put(&p, init->topic);
  m->msg.content_type = put(&p, init->content_type);
  m->msg.payload = put(&p, init->payload);
  m->msg.origin = (struct plug_str){host->node, strlen(host->node)};
  m->h = h;
  m->refs = 1;
  h->n_msgs++;
  return &m->msg;
}

/* "M", three lengths, then topic, content type and payload. */
static struct plug_str up_msg_encode(const struct plug_msg *msg)
{
  struct mock_msg *m = (struct mock_msg *)(uintptr_t)msg;
  if (m->wire == NULL) {
    uint32_t lens[3] = {(uint32_t)msg->topic.len, (uint32_t)msg->content_type.len,
                        (uint32_t)msg->payload.len};
    m->wire_len = 1 + sizeof lens + lens[0] + lens[1] + lens[2];
    m->wire = malloc(m->wire_len);
    assert_non_null(m->wire);
    char *p = m->wire;
    put(&p, (struct plug_str){"M", 1});
    put(&p, (struct plug_str){(const char *)lens, sizeof lens});
    put(&p, msg->topic);
    put(&p, msg->content_type);
    put(&p, msg->payload);
  }
  return (struct plug_str){m->wire, m->wire_len};
}

static const struct plug_msg *up_msg_decode(const struct plug_host *host, struct plug_str wire)
{
  uint32_t lens[3];
  if (wire.len < 1 + sizeof lens || wire.ptr[0] != 'M')
    return NULL;
  memcpy(lens, wire.ptr + 1, sizeof lens);
  const char *p = wire.ptr + 1 + sizeof lens;
  if (wire.len != 1 + sizeof lens + (size_t)lens[0] + lens[1] + lens[2])
    return NULL;
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = {p, lens[0]},
                               .content_type = {p + lens[0], lens[1]},
                               .payload = {p + lens[0] + lens[1], lens[2]}};
  return up_msg_make(host, &init);
}

static void up_msg_ref(const struct plug_msg *msg)
{
  ((struct mock_msg *)(uintptr_t)msg)->refs++;
}

static void up_msg_unref(const struct plug_msg *msg)
{
  struct mock_msg *m = (struct mock_msg *)(uintptr_t)msg;
  assert_true(m->refs > 0);
  if (--m->refs > 0)
    return;
  m->h->n_msgs--;
  free(m->wire);
  free(m);
}

static struct plug_metric *new_metric(const struct plug_host *host, const char *name, bool gauge)
{
  for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
    struct registered *r = &metrics[i];
    if (r->host != NULL && !(r->host == host && strcmp(r->metric.name, name) == 0))
      continue;
    if (r->host == NULL)
      r->metric = (struct plug_metric){.is_gauge = gauge};
    r->host = host;
    snprintf(r->metric.name, sizeof r->metric.name, "%s", name);
    return &r->metric;
  }
  return NULL;
}

static struct plug_metric *up_counter(const struct plug_host *host, const char *name,
                                      const char *help)
{
  assert_non_null(help);
  return new_metric(host, name, false);
}

static struct plug_metric *up_gauge(const struct plug_host *host, const char *name,
                                    const char *help)
{
  assert_non_null(help);
  return new_metric(host, name, true);
}

static void up_metric_add(struct plug_metric *m, int64_t n)
{
  assert_true(!m->is_gauge && n >= 0);
  m->value += n;
}

static void up_metric_set(struct plug_metric *m, int64_t value)
{
  assert_true(m->is_gauge);
  m->value = value;
}

static const struct plug_metrics metrics_table = {
    .size = sizeof metrics_table,
    .counter = up_counter,
    .gauge = up_gauge,
    .add = up_metric_add,
    .set = up_metric_set,
};

const struct plug_broker_presence_up *mock_presence_up;

static const void *up_extension(const struct plug_host *host, const char *id)
{
  (void)host;
  if (strcmp(id, PLUG_EXT_BROKER_PRESENCE) == 0)
    return mock_presence_up;
  return strcmp(id, PLUG_EXT_METRICS) == 0 ? &metrics_table : NULL;
}

static char *dup_str(struct plug_str s)
{
  char *text = calloc(1, s.len + 1);
  assert_non_null(text);
  if (s.len > 0)
    memcpy(text, s.ptr, s.len);
  return text;
}

static plug_status up_deliver(const struct plug_host *host, uint64_t interest,
                              const struct plug_msg *msg)
{
  struct mock_host *h = of(host);
  if (!h->count_only) {
    h->deliveries = realloc(h->deliveries, (h->n_deliveries + 1) * sizeof *h->deliveries);
    assert_non_null(h->deliveries);
    h->deliveries[h->n_deliveries] =
        (struct mock_delivery){interest, dup_str(msg->topic), dup_str(msg->content_type),
                               dup_str(msg->payload), msg->payload.len};
  }
  h->n_deliveries++;
  return h->deliver_status;
}

static void up_state(const struct plug_host *host, int32_t state, uint32_t flags,
                     struct plug_str why)
{
  struct mock_host *h = of(host);
  assert_true(up_on_home(host));
  assert_int_not_equal(state, h->state);
  h->state = state;
  h->state_flags = flags;
  h->n_up += state == PLUG_STATE_UP;
  h->n_down += state == PLUG_STATE_DOWN;
  snprintf(h->why, sizeof h->why, "%.*s", (int)why.len, why.ptr);
}

static const struct plug_broker_up broker_up = {
    .size = sizeof broker_up, .deliver = up_deliver, .state = up_state};

static const struct plug_host host_table = {
    .size = sizeof host_table,
    .abi_major = PLUG_ABI_MAJOR,
    .abi_minor = PLUG_ABI_MINOR,
    .server = "mock 1",
    .instance = "broker.redis",
    .broker = &broker_up,
    .log_on = up_log_on,
    .log = up_log,
    .cfg_str = up_cfg_str,
    .cfg_i64 = up_cfg_i64,
    .now_ms = up_now_ms,
    .on_home = up_on_home,
    .post = up_post,
    .io_open = up_io_open,
    .io_want = up_io_want,
    .io_close = up_io_close,
    .timer_new = up_timer_new,
    .timer_set = up_timer_set,
    .timer_stop = up_timer_stop,
    .timer_free = up_timer_free,
    .op_done = up_op_done,
    .op_deadline_ms = up_op_deadline_ms,
    .msg_make = up_msg_make,
    .msg_decode = up_msg_decode,
    .msg_encode = up_msg_encode,
    .msg_ref = up_msg_ref,
    .msg_unref = up_msg_unref,
    .extension = up_extension,
};

static void free_host(struct mock_host *h)
{
  for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
    if (metrics[i].host == &h->host)
      metrics[i].host = NULL;
  mock_forget(h);
  free(h);
}

struct mock_host *mock_host_new(struct mock_loop *loop, const struct plug_plugin *plugin,
                                const char *node, const char *const *options, struct plug_err *err)
{
  struct plug_err own_err = {0};
  struct mock_host *h = calloc(1, sizeof *h);
  assert_non_null(h);
  h->host = host_table;
  h->host.node = node;
  h->loop = loop;
  h->plugin = plugin;
  h->options = options;
  h->state = -1;
  plug_status status = plugin->create(&h->host, &h->self, err != NULL ? err : &own_err);
  if (status == PLUG_OK)
    return h;
  if (err == NULL)
    fail_msg("create: %s", own_err.text);
  assert_int_equal(h->n_io + h->n_timers + h->n_msgs, 0);
  free_host(h);
  return NULL;
}

static plug_status wait_for(struct mock_host *h, plug_status status, struct plug_op *op,
                            char *detail)
{
  if (detail != NULL)
    detail[0] = '\0';
  if (status != PLUG_PENDING) {
    assert_false(op->done);
    return status;
  }
  MOCK_WAIT(h->loop, 10000, op->done);
  if (detail != NULL)
    memcpy(detail, op->detail, sizeof op->detail);
  return op->status;
}

void mock_host_start(struct mock_host *h)
{
  struct plug_op op = {0};
  assert_int_equal(wait_for(h, h->plugin->start(h->self, &op), &op, NULL), PLUG_OK);
}

struct mock_host *mock_host_up(struct mock_loop *loop, const struct plug_plugin *plugin,
                               const char *node, const char *const *options)
{
  struct mock_host *h = mock_host_new(loop, plugin, node, options, NULL);
  mock_host_start(h);
  if (h->state != PLUG_STATE_UP)
    fail_msg("not up: %s", h->why);
  return h;
}

void mock_host_free(struct mock_host *h)
{
  struct plug_op op = {0};
  assert_int_equal(wait_for(h, h->plugin->stop(h->self, &op), &op, NULL), PLUG_OK);
  assert_int_equal(h->n_io, 0);
  assert_int_equal(h->n_timers, 0);
  assert_int_equal(h->n_msgs, 0);
  h->plugin->destroy(h->self);
  free_host(h);
}

static struct plug_interest interest(uint64_t id, const char *topic, bool is_pattern)
{
  return (struct plug_interest){id, {topic, strlen(topic)}, is_pattern ? PLUG_INTEREST_PATTERN : 0};
}

plug_status mock_subscribe(struct mock_host *h, uint64_t id, const char *topic)
{
  struct plug_interest in = interest(id, topic, false);
  struct plug_op op = {0};
  return wait_for(h, h->plugin->broker->subscribe(h->self, &in, 1, &op), &op, NULL);
}

plug_status mock_subscribe_pattern(struct mock_host *h, uint64_t id, const char *pattern)
{
  struct plug_interest in = interest(id, pattern, true);
  struct plug_op op = {0};
  return wait_for(h, h->plugin->broker->subscribe(h->self, &in, 1, &op), &op, NULL);
}

plug_status mock_unsubscribe(struct mock_host *h, uint64_t id, const char *topic, bool is_pattern)
{
  struct plug_interest in = interest(id, topic, is_pattern);
  struct plug_op op = {0};
  return wait_for(h, h->plugin->broker->unsubscribe(h->self, &in, 1, &op), &op, NULL);
}

const struct plug_msg *mock_msg(struct mock_host *h, const char *topic, const char *content_type,
                                const char *payload, size_t len)
{
  struct plug_msg_init init = {
      .size = sizeof init,
      .topic = {topic, strlen(topic)},
      .content_type = {content_type, content_type == NULL ? 0 : strlen(content_type)},
      .payload = {payload, len}};
  return up_msg_make(&h->host, &init);
}

plug_status mock_publish(struct mock_host *h, const char *topic, const char *content_type,
                         const char *payload, char detail[256])
{
  struct plug_op op = {0};
  const struct plug_msg *msg = mock_msg(h, topic, content_type, payload, strlen(payload));
  plug_status status = wait_for(h, h->plugin->broker->publish(h->self, msg, &op), &op, detail);
  up_msg_unref(msg);
  return status;
}

plug_status mock_subscribe_many(struct mock_host *h, const struct plug_interest *v, size_t n,
                                struct plug_op *op)
{
  return h->plugin->broker->subscribe(h->self, v, n, op);
}

plug_status mock_publish_op(struct mock_host *h, const char *topic, const char *payload,
                            struct plug_op *op)
{
  const struct plug_msg *msg = mock_msg(h, topic, NULL, payload, strlen(payload));
  plug_status status = h->plugin->broker->publish(h->self, msg, op);
  up_msg_unref(msg);
  return status;
}

int64_t mock_metric(struct mock_host *h, const char *name)
{
  for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
    if (metrics[i].host == &h->host && strcmp(metrics[i].metric.name, name) == 0)
      return metrics[i].metric.value;
  fail_msg("no metric %s", name);
  return -1;
}

bool mock_logged(const struct mock_host *h, const char *text)
{
  return h->log != NULL && strstr(h->log, text) != NULL;
}

void mock_forget(struct mock_host *h)
{
  for (size_t i = 0; !h->count_only && i < h->n_deliveries; i++) {
    free(h->deliveries[i].topic);
    free(h->deliveries[i].content_type);
    free(h->deliveries[i].payload);
  }
  free(h->deliveries);
  free(h->log);
  h->deliveries = NULL;
  h->log = NULL;
  h->n_deliveries = h->log_len = 0;
}

size_t mock_count(const struct mock_host *h, uint64_t id, const char *payload)
{
  size_t n = 0;
  for (size_t i = 0; i < h->n_deliveries; i++)
    n += h->deliveries[i].interest == id && strcmp(h->deliveries[i].payload, payload) == 0;
  return n;
}
