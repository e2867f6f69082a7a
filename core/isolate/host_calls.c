#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "isolate/host_inner.h"
#include "message/envelope.h"
#include "message/message.h"
#include "plugin/op.h"

/* One call of the server, until the plugin has answered it. What it has lent to the plugin is in
 * its own memory. */
struct call {
  struct host *host;
  uint64_t id;
  struct plug_op *op; /* NULL: the plugin is offered none */
  const struct plug_msg *msg;
  struct instance_call around;
  char bytes[];
};

static void call_free(struct call *call)
{
  if (call->msg)
    message_unref(call->msg);
  free(call);
}

static void on_done(void *arg, plug_status status, struct plug_str detail)
{
  (void)arg, (void)status, (void)detail; /* the server keeps the time of its operations itself */
}

static void on_release(void *arg, plug_status status, struct plug_str detail)
{
  struct call *call = arg;
  says_done(call->host, call->id, status > PLUG_OK ? PLUG_EINTERNAL : status, detail);
  call_free(call);
}

uint64_t calls_id(struct plug_op *op)
{
  const struct call *call = op_arg(op, on_done);
  return call ? call->id : 0;
}

static uint64_t left_ms(uint64_t deadline_ms)
{
  uint64_t now = clock_now_ms();
  return !deadline_ms ? 0 : deadline_ms > now ? deadline_ms - now : 1;
}

/* With room for the bytes of what is lent. Answers the server and returns NULL without memory. */
static struct call *call_new(struct host *host, uint64_t id, uint64_t deadline_ms, size_t bytes)
{
  struct call *call = malloc(sizeof *call + bytes);
  struct plug_op *op = call ? op_new(host->instance, left_ms(deadline_ms), on_done, call) : NULL;
  if (!op) {
    free(call);
    says_done(host, id, PLUG_ENOMEM, STR("out of memory"));
    return NULL;
  }
  op_on_release(op, on_release);
  call->host = host;
  call->id = id;
  call->op = op;
  call->msg = NULL;
  return call;
}

static struct call *call_begin(struct host *host, const char *function, uint64_t id,
                               uint64_t deadline_ms, size_t bytes)
{
  struct call *call = call_new(host, id, deadline_ms, bytes);
  if (call)
    instance_call_begin(&call->around, host->instance, function);
  return call;
}

static void call_return(struct call *call, plug_status status)
{
  if (status == PLUG_PENDING)
    return;
  says_done(call->host, call->id, status > PLUG_OK ? PLUG_EINTERNAL : status, STR(""));
  call_free(call);
}

/* After the plugin's function has returned status. It may have completed the operation already, but
 * that is told to nobody before this. */
static void call_end(struct call *call, plug_status status)
{
  struct instance_call around = call->around;
  status = op_offered(call->op, status);
  instance_call_end(&around);
  call_return(call, status);
}

/* It does nothing but deliver, before it returns: it needs no operation. */
static void publish_direct(struct host *host, uint64_t id, const struct plug_msg *msg)
{
  struct watch_call watch;
  watch_enter(&watch, host->instance, "publish");
  host->delivered = false;
  host->publishing = msg;
  host->publishing_id = id;
  plug_status status = host->broker->publish(instance_self(host->instance), msg, NULL);
  host->publishing = NULL;
  status = status == PLUG_PENDING ? PLUG_OK : op_judge(host->instance, "publish", status);
  watch_leave(&watch);
  message_unref(msg);
  if (host->delivered)
    says_echo_done(host, id, status > PLUG_OK ? PLUG_EINTERNAL : status);
  else
    says_done(host, id, status > PLUG_OK ? PLUG_EINTERNAL : status, STR(""));
}

static void publish(struct host *host, struct wire_reader *r)
{
  uint64_t id = wire_u64(r), deadline_ms = wire_u64(r);
  struct plug_str wire = wire_str(r);
  const char *why = NULL;
  const struct plug_msg *msg = r->bad ? NULL : envelope_parse(wire, &why);
  if (!msg) {
    if (!r->bad)
      says_done(host, id, PLUG_EINVAL, str_of(why));
    return;
  }
  if (host->direct) {
    publish_direct(host, id, msg);
    return;
  }
  struct call *call = call_new(host, id, deadline_ms, 0);
  if (!call) {
    message_unref(msg);
    return;
  }
  call->msg = msg;
  /* By name, but not by the clock: there may be a million a second. */
  struct watch_call watch;
  watch_enter(&watch, host->instance, "publish");
  host->publishing = msg;
  host->publishing_id = id;
  plug_status status = host->broker->publish(instance_self(host->instance), msg, call->op);
  host->publishing = NULL;
  status = op_offered(call->op, status);
  watch_leave(&watch);
  call_return(call, status);
}

/* The strings of what follows point into the frame: all of it moves into the call's memory. */
static struct call *call_with(struct host *host, const char *function, struct wire_reader *r,
                              size_t least, size_t item, uint32_t *n, struct wire_reader *mine)
{
  uint64_t id = wire_u64(r), deadline_ms = wire_u64(r);
  *n = wire_count(r, least);
  if (r->bad)
    return NULL;
  struct call *call = call_begin(host, function, id, deadline_ms, *n * item + r->rest.len);
  if (!call)
    return NULL;
  char *bytes = call->bytes + *n * item;
  memcpy(bytes, r->rest.ptr, r->rest.len);
  *mine = (struct wire_reader){{bytes, r->rest.len}, false};
  return call;
}

/* A frame that was cut off: the server is no such thing, so this one is broken. */
static void call_drop(struct call *call, struct wire_reader *r)
{
  r->bad = true;
  call_end(call, PLUG_EINVAL);
}

static void interests(struct host *host, struct wire_reader *r, bool wanted)
{
  struct wire_reader mine;
  uint32_t n;
  struct call *call =
      call_with(host, wanted ? "subscribe" : "unsubscribe", r,
                2 * sizeof(uint64_t) + sizeof(uint32_t), sizeof(struct plug_interest), &n, &mine);
  if (!call)
    return;
  struct plug_interest *v = (struct plug_interest *)(void *)call->bytes;
  for (uint32_t i = 0; i < n; i++) {
    v[i].id = wire_u64(&mine);
    v[i].flags = wire_u64(&mine);
    v[i].topic = wire_str(&mine);
  }
  if (mine.bad) {
    call_drop(call, r);
    return;
  }
  void *self = instance_self(host->instance);
  call_end(call, wanted ? host->broker->subscribe(self, v, n, call->op)
                        : host->broker->unsubscribe(self, v, n, call->op));
  r->rest.len = 0;
}

static void members(struct host *host, struct wire_reader *r, bool join)
{
  struct wire_reader mine;
  uint32_t n;
  struct call *call = call_with(host, join ? "join" : "leave", r, 4 * sizeof(uint32_t),
                                sizeof(struct plug_member), &n, &mine);
  if (!call)
    return;
  struct plug_member *v = (struct plug_member *)(void *)call->bytes;
  for (uint32_t i = 0; i < n; i++) {
    v[i].topic = wire_str(&mine);
    v[i].member = wire_str(&mine);
    v[i].user = wire_str(&mine);
    v[i].info = wire_str(&mine);
  }
  if (mine.bad) {
    call_drop(call, r);
    return;
  }
  void *self = instance_self(host->instance);
  call_end(call, join ? host->presence->join(self, v, n, call->op)
                      : host->presence->leave(self, v, n, call->op));
  r->rest.len = 0;
}

static void room(struct host *host, struct wire_reader *r, bool list)
{
  uint64_t id = wire_u64(r), deadline_ms = wire_u64(r);
  struct plug_str topic = wire_str(r);
  if (r->bad)
    return;
  struct call *call = call_begin(host, list ? "list" : "watch", id, deadline_ms, topic.len);
  if (!call)
    return;
  if (topic.len)
    memcpy(call->bytes, topic.ptr, topic.len);
  topic.ptr = call->bytes;
  void *self = instance_self(host->instance);
  call_end(call, list ? host->presence->list(self, topic, call->op)
                      : host->presence->watch(self, topic, call->op));
}

static void unwatch(struct host *host, struct wire_reader *r)
{
  struct plug_str topic = wire_str(r);
  struct instance_call around;
  if (r->bad)
    return;
  instance_call_begin(&around, host->instance, "unwatch");
  host->presence->unwatch(instance_self(host->instance), topic);
  instance_call_end(&around);
}

static void restored(struct host *host)
{
  struct instance_call around;
  instance_call_begin(&around, host->instance, "restored");
  host->presence->restored(instance_self(host->instance));
  instance_call_end(&around);
}

static void ping(struct host *host, struct wire_reader *r)
{
  size_t begin;
  uint64_t number = wire_u64(r);
  says_health(host);
  says_metrics(host);
  struct buf *out = says_begin(host, WIRE_PONG, &begin);
  wire_put_u64(out, number);
  (void)says_end(host, begin, false);
}

static bool run_of_rooms(struct host *host, enum wire_kind kind, struct wire_reader *r)
{
  if (!host->presence)
    return false;
  switch (kind) {
  case WIRE_JOIN:
  case WIRE_LEAVE:
    members(host, r, kind == WIRE_JOIN);
    break;
  case WIRE_WATCH:
  case WIRE_LIST:
    room(host, r, kind == WIRE_LIST);
    break;
  case WIRE_UNWATCH:
    unwatch(host, r);
    break;
  case WIRE_RESTORED:
    restored(host);
    break;
  default:
    return false;
  }
  return true;
}

bool calls_run(struct host *host, const struct wire_frame *frame)
{
  struct wire_reader r = {frame->body, false};
  uint64_t number;
  switch (frame->kind) {
  case WIRE_START:
    number = wire_u64(&r);
    host_step(host, STEP_START, number);
    break;
  case WIRE_DRAIN:
    number = wire_u64(&r);
    (void)wire_u64(&r); /* the instance has a limit of its own */
    host_step(host, STEP_DRAIN, number);
    break;
  case WIRE_STOP:
    number = wire_u64(&r);
    host_step(host, STEP_STOP, number);
    break;
  case WIRE_SUBSCRIBE:
  case WIRE_UNSUBSCRIBE:
    interests(host, &r, frame->kind == WIRE_SUBSCRIBE);
    break;
  case WIRE_PUBLISH:
    publish(host, &r);
    break;
  case WIRE_PING:
    ping(host, &r);
    break;
  case WIRE_FLOW:
    atomic_store_explicit(&host->congested, wire_u64(&r) != 0, memory_order_relaxed);
    break;
  case WIRE_LOG_LEVEL:
    log_setup((enum log_level)wire_u64(&r), false);
    break;
  default:
    if (!run_of_rooms(host, (enum wire_kind)frame->kind, &r))
      return false;
  }
  return wire_is_done(&r);
}
