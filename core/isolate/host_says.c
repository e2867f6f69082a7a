#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "isolate/host_inner.h"
#include "message/message.h"
#include "plugin/watchdog.h"

#define FLUSH_BYTES    (128u << 10)
#define DROP_PERIOD_MS 10000
#define FLUSH_WAIT_MS  5

struct buf *says_begin(struct host *host, enum wire_kind kind, size_t *begin)
{
  pthread_mutex_lock(&host->lock);
  *begin = wire_begin(&host->pipe.out, kind);
  return &host->pipe.out;
}

static void post_flush(struct host *host)
{
  if (host->loop && !atomic_exchange(&host->flush_posted, true))
    loop_post_task(host->loop, &host->flush_task);
}

bool says_end(struct host *host, size_t begin, bool now)
{
  bool well = wire_end(&host->pipe.out, begin, host->pipe.max);
  if (now || pipe_waiting(&host->pipe) >= FLUSH_BYTES)
    (void)pipe_flush(&host->pipe);
  bool left = pipe_waiting(&host->pipe) > 0;
  pthread_mutex_unlock(&host->lock);
  /* At home the end of the turn sees to it. */
  if (left && host->loop && !loop_on_thread(host->loop))
    post_flush(host);
  return well;
}

void says_flush(struct host *host)
{
  pthread_mutex_lock(&host->lock);
  (void)pipe_flush(&host->pipe);
  bool left = pipe_waiting(&host->pipe) > 0;
  pthread_mutex_unlock(&host->lock);
  if (left == host->wants_write || !host->poll)
    return;
  host->wants_write = left;
  uv_poll_start(host->poll, UV_READABLE | (left ? UV_WRITABLE : 0), host_on_ready);
}

void says_flush_within(struct host *host, uint64_t ms)
{
  uint64_t deadline_ms = clock_now_ms() + ms;
  for (;;) {
    pthread_mutex_lock(&host->lock);
    enum pipe_status status = pipe_flush(&host->pipe);
    pthread_mutex_unlock(&host->lock);
    if (status != PIPE_LATER || clock_now_ms() >= deadline_ms)
      return;
    uv_sleep(FLUSH_WAIT_MS);
  }
}

void says_done(struct host *host, uint64_t id, plug_status status, struct plug_str detail)
{
  size_t begin;
  struct buf *out = says_begin(host, WIRE_DONE, &begin);
  wire_put_u64(out, id);
  wire_put_u32(out, (uint32_t)status);
  wire_put_str(out, detail);
  (void)says_end(host, begin, false);
}

void says_echo_done(struct host *host, uint64_t id, plug_status status)
{
  size_t begin;
  struct buf *out = says_begin(host, WIRE_ECHO, &begin);
  wire_put_u64(out, host->delivered_to);
  wire_put_u64(out, id);
  wire_put_u32(out, 1);
  wire_put_u32(out, (uint32_t)status);
  (void)says_end(host, begin, false);
}

void says_failed(struct host *host, plug_status status, struct plug_str text)
{
  size_t begin;
  struct buf *out = says_begin(host, WIRE_FAILED, &begin);
  wire_put_u32(out, (uint32_t)(status < 0 ? status : PLUG_EINTERNAL));
  wire_put_str(out, text);
  (void)says_end(host, begin, false);
}

void says_log(void *ctx, enum log_level level, const char *area, struct plug_str line)
{
  struct host *host = ctx;
  size_t begin;
  struct buf *out = says_begin(host, WIRE_LOG, &begin);
  wire_put_u32(out, (uint32_t)level);
  wire_put_str(out, str_of(area));
  wire_put_str(out, line);
  (void)says_end(host, begin, level >= LOG_WARN); /* who warns may not come to the turn's end */
}

static void put_hang(struct host *host, const char *text)
{
  size_t begin;
  struct buf *out = says_begin(host, WIRE_HANGS, &begin);
  wire_put_str(out, str_of(text));
  (void)says_end(host, begin, true);
}

/* On the watchdog's thread, again and again, and also when a call is only late. */
void says_hang(void *ctx)
{
  struct host *host = ctx;
  char text[200];
  if (watchdog_reason(text, sizeof text) && !atomic_exchange(&host->told_hang, true))
    put_hang(host, text);
}

void says_health(struct host *host)
{
  size_t begin;
  struct plug_health health = {.size = sizeof health};
  struct instance_call call;
  void *self = instance_self(host->instance);
  if (atomic_load(&host->told_hang) && !watchdog_hangs()) {
    atomic_store(&host->told_hang, false);
    put_hang(host, "");
  }
  instance_call_begin(&call, host->instance, "health");
  host->broker->health(self, &health);
  instance_call_end(&call);
  health.text[sizeof health.text - 1] = '\0';
  struct buf *out = says_begin(host, WIRE_HEALTH, &begin);
  wire_put_u32(out, (uint32_t)health.state);
  wire_put_u32(out, health.rtt_us);
  wire_put_u64(out, health.since_ms);
  wire_put_u64(out, host->proof ? host->proof->proven_ms(self) : 0);
  wire_put_str(out, str_of(health.text));
  (void)says_end(host, begin, false);
}

struct values {
  struct buf *out;
  uint32_t n;
};

static void put_value(void *ctx, const char *name, const char *help, int is_gauge, int64_t value)
{
  struct values *values = ctx;
  (void)name, (void)help, (void)is_gauge;
  wire_put_u64(values->out, (uint64_t)value);
  values->n++;
}

void says_metrics(struct host *host)
{
  size_t begin;
  struct values values = {says_begin(host, WIRE_METRICS, &begin), 0};
  size_t at = values.out->len;
  wire_put_u32(values.out, 0);
  instance_each_metric(host->instance, put_value, &values);
  if (!values.out->failed)
    memcpy(values.out->data + at, &values.n, sizeof values.n);
  (void)says_end(host, begin, false);
}

/* --- upcalls ---------------------------------------------------------------------------------- */

static void say_dropped(struct host *host)
{
  static struct log_limit limit;
  uint64_t held;
  uint64_t n = atomic_fetch_add(&host->n_dropped, 1) + 1;
  if (log_limit_pass(&limit, DROP_PERIOD_MS, &held))
    log_warn(host->instance_name,
             "messages are dropped, because too much waits for the server: "
             "%llu until now",
             (unsigned long long)n);
}

static plug_status on_deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  struct host *host = ctx;
  size_t begin;
  bool echo = loop_on_thread(host->loop) && msg == host->publishing;
  if (echo && host->direct && !host->delivered) {
    host->delivered = true; /* and is told with the answer */
    host->delivered_to = interest;
    return atomic_load_explicit(&host->congested, memory_order_relaxed) ? PLUG_EAGAIN : PLUG_OK;
  }
  struct buf *out = says_begin(host, echo ? WIRE_ECHO : WIRE_DELIVER, &begin);
  size_t waiting = begin - host->pipe.sent;
  if (waiting > host->max_waiting) {
    out->len = begin;
    (void)pipe_flush(&host->pipe);
    pthread_mutex_unlock(&host->lock);
    say_dropped(host);
    return PLUG_EUNAVAIL;
  }
  wire_put_u64(out, interest);
  if (echo) {
    wire_put_u64(out, host->publishing_id);
    wire_put_u64(out, 0); /* not done */
  } else {
    wire_put_msg(out, msg);
  }
  if (!says_end(host, begin, false))
    return PLUG_EUNAVAIL;
  bool slow = waiting > host->max_waiting / 2 ||
              atomic_load_explicit(&host->congested, memory_order_relaxed);
  return slow ? PLUG_EAGAIN : PLUG_OK;
}

static void on_state(void *ctx, int32_t state, uint32_t flags, struct plug_str why)
{
  struct host *host = ctx;
  size_t begin;
  struct buf *out = says_begin(host, WIRE_STATE, &begin);
  wire_put_u32(out, (uint32_t)state);
  wire_put_u32(out, flags & PLUG_INTERESTS_LOST);
  wire_put_str(out, why);
  (void)says_end(host, begin, false);
}

struct instance_broker_up says_broker_up(struct host *host)
{
  return (struct instance_broker_up){.deliver = on_deliver, .state = on_state, .ctx = host};
}

static struct host *the_host; /* upcalls of presence have no context where they have an operation */

static void on_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                    uint64_t members)
{
  size_t begin;
  uint64_t id = calls_id(op);
  if (!id)
    return;
  struct buf *out = says_begin(the_host, WIRE_USER, &begin);
  wire_put_u64(out, id);
  wire_put_u64(out, members);
  wire_put_str(out, user);
  wire_put_str(out, info);
  (void)says_end(the_host, begin, false);
}

static void on_total(struct plug_op *op, uint64_t users, uint64_t members, struct plug_position pos)
{
  size_t begin;
  uint64_t id = calls_id(op);
  if (!id)
    return;
  struct buf *out = says_begin(the_host, WIRE_TOTAL, &begin);
  wire_put_u64(out, id);
  wire_put_u64(out, users);
  wire_put_u64(out, members);
  wire_put_u64(out, pos.offset);
  wire_put_u64(out, pos.epoch);
  (void)says_end(the_host, begin, false);
}

static void on_changed(void *ctx, const struct plug_presence_change *change)
{
  struct host *host = ctx;
  size_t begin;
  struct buf *out = says_begin(host, WIRE_CHANGED, &begin);
  wire_put_u32(out, change->kind);
  wire_put_u64(out, change->users);
  wire_put_u64(out, change->pos.offset);
  wire_put_u64(out, change->pos.epoch);
  wire_put_str(out, change->topic);
  wire_put_str(out, change->user);
  wire_put_str(out, change->info);
  (void)says_end(host, begin, false);
}

static void on_lost(void *ctx)
{
  size_t begin;
  says_begin(ctx, WIRE_LOST, &begin);
  (void)says_end(ctx, begin, false);
}

struct instance_presence_up says_presence_up(struct host *host)
{
  the_host = host;
  return (struct instance_presence_up){
      .user = on_user, .total = on_total, .changed = on_changed, .lost = on_lost, .ctx = host};
}
