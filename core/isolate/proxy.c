/* The life of an isolated instance: its process is started with it, watched, killed when it is
 * silent, and started anew for as long as the instance runs.
 *
 *   create -> CREATED -> start -> STARTING -> RUNNING -> stop -> STOPPING -> (reaped) over
 *                                    ^           |
 *                                    |           v  it ends, is silent, or breaks the protocol
 *                                  AWAY <---- DYING (reaped)
 */
#include "isolate/proxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"
#include "message/message.h"

#define CREATE_LIMIT_MS 10000
#define START_LIMIT_MS  11000 /* the process gives up before, and says why */
#define STOP_LIMIT_MS   4500  /* within the server's own limit of stop */
#define TICK_MS         50
#define REAP_TICK_MS    5
#define LATE_MS         500
#define PING_MAX_MS     1000
#define HANG_GRACE_MS   500 /* the process names the call that hangs before it is killed for it */
#define RETRY_MIN_MS    100
#define RETRY_MAX_MS    30000
#define STEADY_MS       10000 /* a process that ran for so long has not failed to start */
#define FLUSH_BYTES     (128u << 10)
#define READS_PER_TURN  2
#define GONE            "the plugin's process is gone"

/* --- frames to the process ------------------------------------------------------------------ */

struct buf *proxy_begin(struct proxy *proxy, enum wire_kind kind, size_t *begin)
{
  bool there = proxy->phase == PROXY_RUNNING || proxy->phase == PROXY_STARTING ||
               proxy->phase == PROXY_CREATED;
  if (!there || proxy->pipe.fd < 0)
    return NULL;
  *begin = wire_begin(&proxy->pipe.out, kind);
  return &proxy->pipe.out;
}

plug_status proxy_end(struct proxy *proxy, size_t begin)
{
  if (!wire_end(&proxy->pipe.out, begin, proxy->pipe.max))
    return PLUG_ETOOBIG;
  if (pipe_waiting(&proxy->pipe) >= FLUSH_BYTES)
    (void)pipe_flush(&proxy->pipe); /* what has gone wrong is seen at the end of the turn */
  return PLUG_OK;
}

uint64_t proxy_begin_op(struct proxy *proxy, enum wire_kind kind, struct plug_op *op,
                        const struct plug_msg *msg, size_t *begin, plug_status *status)
{
  *status = PLUG_EUNAVAIL;
  if (proxy->phase != PROXY_RUNNING)
    return 0;
  if (pipe_waiting(&proxy->pipe) > proxy->pipe.max) {
    proxy->metrics_up->add(proxy->refused, 1);
    *status = PLUG_ESTATE;
    return 0;
  }
  uint64_t id = requests_add(&proxy->requests, op, msg);
  if (!id) {
    *status = PLUG_ENOMEM;
    return 0;
  }
  struct buf *out = proxy_begin(proxy, kind, begin);
  uint64_t deadline_ms = op ? proxy->host->op_deadline_ms(op) : 0;
  wire_put_u64(out, id);
  wire_put_u64(out, deadline_ms);
  return id;
}

plug_status proxy_end_op(struct proxy *proxy, uint64_t id, size_t begin)
{
  struct plug_op *op;
  plug_status status = proxy_end(proxy, begin);
  if (status == PLUG_OK)
    return PLUG_PENDING;
  requests_take(&proxy->requests, id, &op);
  return status;
}

void proxy_put_number(struct proxy *proxy, enum wire_kind kind, uint64_t number)
{
  size_t begin;
  struct buf *out = proxy_begin(proxy, kind, &begin);
  if (!out)
    return;
  wire_put_u64(out, number);
  (void)proxy_end(proxy, begin);
}

/* --- the process comes and goes --------------------------------------------------------------- */

static void cancel_one(void *ctx, struct plug_op *op)
{
  const struct proxy *proxy = ctx;
  if (op)
    proxy->host->op_done(op, PLUG_EUNAVAIL, STR(GONE));
}

static void close_watches(struct proxy *proxy)
{
  if (proxy->io)
    proxy->host->io_close(proxy->io);
  if (proxy->words_io)
    proxy->host->io_close(proxy->words_io);
  proxy->io = proxy->words_io = NULL;
}

static void cancel_all(struct proxy *proxy)
{
  requests_close_all(&proxy->requests, cancel_one, proxy);
  proxy_cancel_lane(proxy, STR(GONE));
}

/* What is known at once is told at once; how it has ended, when it is reaped. */
void proxy_lose(struct proxy *proxy, const char *why)
{
  if (proxy->phase == PROXY_DYING || proxy->phase == PROXY_AWAY)
    return;
  bool stopping = proxy->phase == PROXY_STOPPING;
  snprintf(proxy->why, sizeof proxy->why, "%s", why ? why : "");
  proxy->phase = PROXY_DYING;
  close_watches(proxy);
  child_kill(&proxy->child);
  pipe_fini(&proxy->pipe);
  cancel_all(proxy);
  proxy->hangs_in[0] = '\0';
  proxy->lost_before = true;
  if (!stopping)
    proxy_report_state(proxy, PLUG_STATE_DOWN, PLUG_INTERESTS_LOST, STR(GONE));
  proxy->host->timer_set(proxy->timer, 0);
}

static void reaped(struct proxy *proxy)
{
  const struct plug_host *host = proxy->host;
  uint64_t now = clock_now_ms();
  char end[160], why[sizeof proxy->why];
  child_put_end(&proxy->child, end, sizeof end);
  snprintf(why, sizeof why, "%s", proxy->why[0] ? proxy->why : end);
  snprintf(proxy->why, sizeof proxy->why, "%s", why);
  proxy->phase = PROXY_AWAY;
  if (!proxy->ran) {
    struct plug_op *op = proxy->start_op;
    proxy->start_op = NULL;
    if (op)
      host->op_done(op, PLUG_EUNAVAIL, str_of(why));
  }
  if (!proxy->ran || proxy->draining)
    return;
  if (now - proxy->born_ms >= STEADY_MS)
    proxy->n_failures = 0;
  uint64_t wait_ms =
      backoff_next_ms(&proxy->backoff, proxy->n_failures++, RETRY_MIN_MS, RETRY_MAX_MS);
  proxy->retry_ms = now + wait_ms;
  log_error(proxy->name, "plugin %s: %s; it is started again in %" PRIu64 " ms", proxy->image->id,
            why, wait_ms);
}

/* Those that come back were last looked at when they were sent. */
static void fetch_ahead(struct proxy *proxy)
{
  struct plug_str rest = pipe_rest(&proxy->pipe);
  struct wire_frame frame;
  while (wire_next(&rest, &frame, proxy->pipe.max) == WIRE_NEXT) {
    struct wire_reader r = {frame.body, false};
    if (frame.kind != WIRE_ECHO)
      continue;
    (void)wire_u64(&r);
    const struct request *request = requests_find(&proxy->requests, wire_u64(&r));
    if (request && request->msg)
      message_prefetch(request->msg);
  }
}

static void on_readable(void *arg, int fd, uint32_t ready)
{
  struct proxy *proxy = arg;
  struct wire_frame frame;
  (void)fd;
  if (ready & PLUG_IO_WRITE)
    proxy->host->io_want(proxy->io, PLUG_IO_READ);
  for (int i = 0; i < READS_PER_TURN; i++) {
    enum pipe_status status = pipe_fill(&proxy->pipe);
    if (status == PIPE_LATER)
      return;
    enum wire_next next;
    fetch_ahead(proxy);
    while (proxy->io && (next = pipe_next(&proxy->pipe, &frame)) != WIRE_MORE) {
      const char *wrong =
          next == WIRE_NEXT ? proxy_hear(proxy, &frame) : "a frame longer than any may be";
      if (!proxy->io)
        return;
      if (wrong) {
        char why[160];
        snprintf(why, sizeof why, "its process says %s, and was killed", wrong);
        proxy_lose(proxy, why);
        return;
      }
    }
    if (status != PIPE_OK) {
      proxy_lose(proxy, status == PIPE_FULL ? "out of memory" : NULL);
      return;
    }
  }
}

static void on_words(void *arg, int fd, uint32_t ready)
{
  struct proxy *proxy = arg;
  (void)fd, (void)ready;
  if (child_hear(&proxy->child, proxy->name))
    return;
  proxy->host->io_close(proxy->words_io);
  proxy->words_io = NULL;
}

static plug_status watch(struct proxy *proxy)
{
  const struct plug_host *host = proxy->host;
  proxy->io = host->io_open(host, proxy->child.fd, PLUG_IO_READ, on_readable, proxy);
  proxy->words_io = host->io_open(host, proxy->child.words, PLUG_IO_READ, on_words, proxy);
  return proxy->io && proxy->words_io ? PLUG_OK : PLUG_ENOMEM;
}

/* A process that is told all at once: what it is to load, to create and to start. */
static plug_status bear(struct proxy *proxy, struct plug_err *err)
{
  plug_status status = child_start(&proxy->child, proxy->image->program, proxy->name, err);
  if (status != PLUG_OK)
    return status;
  proxy->born_ms = clock_now_ms();
  proxy->level = -1;
  proxy->congested = false;
  proxy->first_up = true;
  proxy->health = (struct plug_health){.state = PLUG_STATE_STARTING};
  atomic_store(&proxy->proven_ms, 0);
  pipe_init(&proxy->pipe, proxy->child.fd, proxy->image->settings.buffer_bytes);
  buf_put(&proxy->pipe.out, proxy->birth.data, proxy->birth.len);
  if (!proxy->pipe.out.failed)
    return PLUG_OK;
  fault_no_memory(err);
  return PLUG_ENOMEM;
}

static void put_start(struct proxy *proxy)
{
  proxy->phase = PROXY_STARTING;
  proxy->start_id = requests_add(&proxy->requests, NULL, NULL);
  proxy->deadline_ms = clock_now_ms() + START_LIMIT_MS;
  proxy_put_number(proxy, WIRE_START, proxy->start_id);
  proxy_tell_level(proxy);
}

static void begin_again(struct proxy *proxy)
{
  struct plug_err err = {0};
  proxy->metrics_up->add(proxy->restarts, 1);
  plug_status status = bear(proxy, &err);
  if (status == PLUG_OK)
    status = watch(proxy);
  if (status == PLUG_OK) {
    put_start(proxy);
    return;
  }
  proxy->phase = PROXY_STARTING; /* for lose */
  proxy_lose(proxy, err.text[0] ? err.text : "out of memory");
}

/* --- home ------------------------------------------------------------------------------------- */

static void on_turn_end(struct loop_hook *hook)
{
  struct proxy *proxy = container_of(hook, struct proxy, hook);
  if (!proxy->io || !pipe_waiting(&proxy->pipe))
    return;
  enum pipe_status status = pipe_flush(&proxy->pipe);
  if (status == PIPE_LATER)
    proxy->host->io_want(proxy->io, PLUG_IO_READ | PLUG_IO_WRITE);
  /* What is gone is seen by reading, which may find last words first. */
}

static uint64_t ping_every_ms(const struct proxy *proxy)
{
  uint64_t ms = proxy->image->settings.hang_ms / 4;
  return ms > PING_MAX_MS ? PING_MAX_MS : ms;
}

uint64_t proxy_limit_ms(const struct proxy *proxy)
{
  return proxy->image->settings.hang_ms + ping_every_ms(proxy) + HANG_GRACE_MS + TICK_MS;
}

static void see_to_life(struct proxy *proxy, uint64_t now)
{
  char why[200];
  if (proxy->deadline_ms && now >= proxy->deadline_ms) {
    snprintf(why, sizeof why, "its process does not answer%s%s, and was killed",
             proxy->hangs_in[0] ? ": " : "", proxy->hangs_in);
    proxy_lose(proxy, why);
    return;
  }
  proxy_tell_level(proxy);
  if (now < proxy->ping_ms)
    return;
  proxy->ping_ms = now + ping_every_ms(proxy);
  if (!proxy->deadline_ms) {
    proxy->deadline_ms = now + proxy->image->settings.hang_ms + HANG_GRACE_MS;
    proxy_put_number(proxy, WIRE_PING, ++proxy->ping);
  }
}

static void on_timer(void *arg)
{
  struct proxy *proxy = arg;
  uint64_t now = clock_now_ms(), next_ms = TICK_MS;
  /* The time in which nobody looked, as when the whole machine slept, is not the process's fault.
   */
  if (proxy->deadline_ms && now - proxy->looked_ms > LATE_MS)
    proxy->deadline_ms += now - proxy->looked_ms;
  proxy->looked_ms = now;
  switch (proxy->phase) {
  case PROXY_DYING:
    if (child_reap(&proxy->child, proxy->name))
      reaped(proxy);
    else
      next_ms = REAP_TICK_MS;
    break;
  case PROXY_AWAY:
    if (proxy->ran && !proxy->draining && now >= proxy->retry_ms)
      begin_again(proxy);
    break;
  case PROXY_STARTING:
  case PROXY_STOPPING:
    if (now >= proxy->deadline_ms)
      proxy_lose(proxy,
                 proxy->phase == PROXY_STARTING ? "not ready in time" : "its process did not stop");
    break;
  case PROXY_RUNNING:
    see_to_life(proxy, now);
    break;
  case PROXY_CREATED:
    break;
  }
  if (proxy->timer)
    proxy->host->timer_set(proxy->timer, next_ms);
}

/* --- the plugin's functions ---------------------------------------------------------------- */

/* The frames of load and create; what the server reports is the plugin's own sentence. */
static plug_status await_created(struct proxy *proxy, struct plug_err *err)
{
  uint64_t deadline_ms = clock_now_ms() + CREATE_LIMIT_MS;
  struct wire_frame frame;
  bool over, created = false;
  while (!created) {
    enum wire_next next = pipe_wait(&proxy->pipe, &frame, deadline_ms, &over);
    struct said said;
    const char *wrong = next == WIRE_NEXT ? said_read(&frame, &said) : "nothing that can be read";
    if (!wrong && said.kind == WIRE_FAILED) {
      proxy_copy_text(err->text, sizeof err->text, said.text);
      return said.status;
    }
    if (!wrong)
      wrong = proxy_hear(proxy, &frame);
    if (wrong) {
      child_kill(&proxy->child);
      bool reaped_it = child_reap_within(&proxy->child, proxy->name, 1000);
      if (over && reaped_it)
        child_put_end(&proxy->child, err->text, sizeof err->text);
      else
        snprintf(err->text, sizeof err->text, "create: its process %s%s",
                 next == WIRE_MORE ? "does not answer" : "says ", next == WIRE_MORE ? "" : wrong);
      return PLUG_EUNAVAIL;
    }
    created = said.kind == WIRE_CREATED;
  }
  return PLUG_OK;
}

static void proxy_free(struct proxy *proxy)
{
  child_kill(&proxy->child);
  /* Until then it is a child of this process; killed, it is a matter of moments. */
  child_reap_within(&proxy->child, proxy->name, 1000);
  proxy->pipe.fd = -1;
  pipe_fini(&proxy->pipe);
  buf_free(&proxy->birth);
  requests_fini(&proxy->requests);
  free(proxy->metrics);
  free(proxy);
}

plug_status proxy_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  const struct plugin_instance *instance = part_of(host);
  struct proxy *proxy = calloc(1, sizeof *proxy);
  if (!proxy)
    return PLUG_ENOMEM;
  proxy->host = host;
  proxy->image =
      container_of((struct plugin_image *)(uintptr_t)instance->image, struct isolate_image, image);
  proxy->name = host->instance;
  child_init(&proxy->child);
  proxy->pipe.fd = -1;
  proxy->metrics_up = host->extension(host, PLUG_EXT_METRICS);
  proxy->presence_up = host->extension(host, PLUG_EXT_BROKER_PRESENCE);
  proxy->restarts = proxy->metrics_up->counter(host, "process_restarts",
                                               "Times that its process was started again");
  proxy->refused = proxy->metrics_up->counter(
      host, "process_refused", "Operations refused because too much waits for its process");
  backoff_init(&proxy->backoff);
  const struct birth birth = {.image = proxy->image,
                              .path = proxy->image->image.path,
                              .name = host->instance,
                              .section = instance->config->section,
                              .create = true};
  plug_status status = PLUG_ENOMEM;
  if (proxy->restarts && proxy->refused && birth_put(&proxy->birth, &birth))
    status = bear(proxy, err);
  proxy->phase = PROXY_CREATED;
  if (status == PLUG_OK)
    status = await_created(proxy, err);
  if (status != PLUG_OK) {
    proxy_free(proxy);
    return status;
  }
  *self = proxy;
  return PLUG_OK;
}

plug_status proxy_start(void *self, struct plug_op *op)
{
  struct proxy *proxy = self;
  const struct plug_host *host = proxy->host;
  proxy->timer = host->timer_new(host, on_timer, proxy);
  if (!proxy->timer || watch(proxy) != PLUG_OK)
    return PLUG_ENOMEM;
  proxy->hook.run = on_turn_end;
  loop_add_hook(part_of(host)->loop, &proxy->hook);
  proxy->hooked = true;
  proxy->start_op = op;
  proxy->looked_ms = clock_now_ms();
  put_start(proxy);
  host->timer_set(proxy->timer, TICK_MS);
  return PLUG_PENDING;
}

plug_status proxy_drain(void *self, struct plug_op *op)
{
  struct proxy *proxy = self;
  plug_status status;
  size_t begin;
  proxy->draining = true;
  if (proxy->phase != PROXY_RUNNING)
    return PLUG_OK; /* it has nothing of ours any more */
  uint64_t id = proxy_begin_op(proxy, WIRE_DRAIN, op, NULL, &begin, &status);
  return id ? proxy_end_op(proxy, id, begin) : status;
}

/* All that is the host's goes before the answer. */
static void leave_home(struct proxy *proxy)
{
  close_watches(proxy);
  if (proxy->hooked)
    loop_remove_hook(part_of(proxy->host)->loop, &proxy->hook);
  proxy->hooked = false;
}

/* Waits for the end of a process that was asked to end, and kills one that does not. */
static void on_stop_timer(void *arg)
{
  struct proxy *proxy = arg;
  const struct plug_host *host = proxy->host;
  uint64_t now = clock_now_ms();
  struct wire_frame frame;
  /* Its last lines of the log; nothing else of it counts any more. */
  while (proxy->pipe.fd >= 0 && pipe_fill(&proxy->pipe) == PIPE_OK)
    while (pipe_next(&proxy->pipe, &frame) == WIRE_NEXT)
      if (frame.kind == WIRE_LOG || frame.kind == WIRE_METRICS)
        (void)proxy_hear(proxy, &frame);
  (void)pipe_flush(&proxy->pipe);
  if (!child_reap(&proxy->child, proxy->name)) {
    child_hear(&proxy->child, proxy->name);
    if (now >= proxy->deadline_ms && proxy->child.fd >= 0) {
      log_error(proxy->name, "plugin %s does not stop: its process is killed", proxy->image->id);
      proxy->pipe.fd = -1;
      child_kill(&proxy->child);
    }
    host->timer_set(proxy->timer, REAP_TICK_MS);
    return;
  }
  proxy->pipe.fd = -1;
  if (proxy->child.status != 0) {
    char end[160];
    child_put_end(&proxy->child, end, sizeof end);
    log_error(proxy->name, "plugin %s: %s while it stopped", proxy->image->id, end);
  }
  struct plug_op *op = proxy->stop_op;
  proxy->phase = PROXY_AWAY;
  proxy->stop_op = NULL;
  host->timer_free(proxy->timer);
  proxy->timer = NULL;
  host->op_done(op, PLUG_OK, STR(""));
}

plug_status proxy_stop(void *self, struct plug_op *op)
{
  struct proxy *proxy = self;
  const struct plug_host *host = proxy->host;
  bool there = proxy->phase == PROXY_RUNNING;
  if (there)
    proxy_put_number(proxy, WIRE_STOP, 0);
  leave_home(proxy);
  cancel_all(proxy);
  if (proxy->start_op)
    host->op_done(proxy->start_op, PLUG_ECANCELED, STR("it is stopped"));
  proxy->start_op = NULL;
  if (proxy->timer)
    host->timer_free(proxy->timer);
  proxy->timer = host->timer_new(host, on_stop_timer, proxy);
  if (!there || !proxy->timer) {
    child_kill(&proxy->child);
    proxy->pipe.fd = -1;
    child_reap_within(&proxy->child, proxy->name, 1000);
    if (proxy->timer)
      host->timer_free(proxy->timer);
    proxy->timer = NULL;
    proxy->phase = PROXY_AWAY;
    return PLUG_OK;
  }
  proxy->phase = PROXY_STOPPING;
  proxy->deadline_ms = clock_now_ms() + STOP_LIMIT_MS;
  proxy->stop_op = op;
  host->timer_set(proxy->timer, 0);
  return PLUG_PENDING;
}

void proxy_destroy(void *self)
{
  struct proxy *proxy = self;
  /* One that was never started is told by the end of the channel, and may take its leave. */
  if (proxy->child.fd >= 0) {
    child_let_go(&proxy->child);
    proxy->pipe.fd = -1;
    child_reap_within(&proxy->child, proxy->name, 1000);
  }
  proxy_free(proxy);
}
