/* The broker's table and its extensions, as calls and upcalls of an isolated plugin's process. */
#include <stdio.h>
#include <string.h>

#include <plugboard/ext/proof.h>

#include "base/log.h"
#include "base/str.h"
#include "isolate/proxy.h"
#include "message/envelope.h"
#include "message/message.h"

/* --- calls --------------------------------------------------------------------------------- */

static plug_status put_interests(struct proxy *proxy, enum wire_kind kind,
                                 const struct plug_interest *v, size_t n, struct plug_op *op)
{
  size_t begin;
  plug_status status;
  uint64_t id = proxy_begin_op(proxy, kind, op, NULL, &begin, &status);
  if (!id)
    return status;
  struct buf *out = &proxy->pipe.out;
  wire_put_u32(out, (uint32_t)n);
  for (size_t i = 0; i < n; i++) {
    wire_put_u64(out, v[i].id);
    wire_put_u64(out, v[i].flags);
    wire_put_str(out, v[i].topic);
  }
  return proxy_end_op(proxy, id, begin);
}

static plug_status proxy_subscribe(void *self, const struct plug_interest *v, size_t n,
                                   struct plug_op *op)
{
  return put_interests(self, WIRE_SUBSCRIBE, v, n, op);
}

static plug_status proxy_unsubscribe(void *self, const struct plug_interest *v, size_t n,
                                     struct plug_op *op)
{
  return put_interests(self, WIRE_UNSUBSCRIBE, v, n, op);
}

static plug_status proxy_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct proxy *proxy = self;
  size_t begin;
  plug_status status;
  uint64_t id = proxy_begin_op(proxy, WIRE_PUBLISH, op, msg, &begin, &status);
  if (!id)
    return status;
  wire_put_msg(&proxy->pipe.out, msg);
  return proxy_end_op(proxy, id, begin);
}

/* --- the lane ------------------------------------------------------------------------------ */

static plug_status lane_encode(void *self, struct buf *out, uint64_t number,
                               const struct plug_msg *msg)
{
  const struct proxy *proxy = self;
  size_t begin = wire_begin(out, WIRE_PUBLISH);
  wire_put_u64(out, WIRE_LANE | number);
  wire_put_u64(out, 0); /* no deadline: it answers before it does anything else */
  wire_put_msg(out, msg);
  bool failed = out->failed;
  if (wire_end(out, begin, proxy->image->settings.buffer_bytes))
    return PLUG_OK;
  return failed ? PLUG_ENOMEM : PLUG_ETOOBIG;
}

static plug_status lane_hand_over(void *self, struct plug_str encoded, const struct lane_up *up,
                                  void *ctx)
{
  struct proxy *proxy = self;
  if (proxy->phase != PROXY_RUNNING)
    return PLUG_EUNAVAIL;
  if (pipe_waiting(&proxy->pipe) > proxy->pipe.max)
    return PLUG_ESTATE;
  proxy->lane_up = up;
  proxy->lane_ctx = ctx;
  return pipe_send(&proxy->pipe, encoded) ? PLUG_PENDING : PLUG_ENOMEM;
}

static uint64_t lane_limit_ms(void *self)
{
  return proxy_limit_ms(self);
}

const struct lane_calls proxy_lane_calls = {
    .encode = lane_encode, .hand_over = lane_hand_over, .limit_ms = lane_limit_ms};

/* Its process takes one message after the other: there is but one that an answer can be to. */
static const struct plug_msg *lane_message(const struct proxy *proxy, uint64_t id)
{
  uint64_t number = 0;
  const struct plug_msg *msg =
      proxy->lane_up ? proxy->lane_up->first(proxy->lane_ctx, &number) : NULL;
  return msg && (WIRE_LANE | number) == id ? msg : NULL;
}

const char *proxy_hear_lane(struct proxy *proxy, const struct said *said)
{
  if (!lane_message(proxy, said->id))
    return "an answer to what was not asked";
  proxy->lane_up->over(proxy->lane_ctx, said->status, said->text);
  return NULL;
}

void proxy_cancel_lane(struct proxy *proxy, struct plug_str why)
{
  uint64_t number;
  while (proxy->lane_up && proxy->lane_up->first(proxy->lane_ctx, &number))
    proxy->lane_up->over(proxy->lane_ctx, PLUG_EUNAVAIL, why);
}

/* --- more calls ---------------------------------------------------------------------------- */

static void proxy_health(void *self, struct plug_health *out)
{
  const struct proxy *proxy = self;
  if (proxy->phase != PROXY_RUNNING) {
    out->state = PLUG_STATE_DOWN;
    snprintf(out->text, sizeof out->text, "%.100s",
             proxy->why[0] ? proxy->why : "the plugin's process is not there");
    return;
  }
  *out = proxy->health;
  out->size = sizeof *out;
  if (proxy->hangs_in[0]) {
    out->state = PLUG_STATE_DOWN;
    snprintf(out->text, sizeof out->text, "%s", proxy->hangs_in);
  }
}

const struct plug_broker proxy_broker_table = {
    .size = sizeof proxy_broker_table,
    .subscribe = proxy_subscribe,
    .unsubscribe = proxy_unsubscribe,
    .publish = proxy_publish,
    .health = proxy_health,
};

/* --- "plug.broker.proof/1" ----------------------------------------------------------------- */

static uint64_t proxy_proven_ms(void *self)
{
  struct proxy *proxy = self;
  return atomic_load_explicit(&proxy->proven_ms, memory_order_relaxed);
}

static const struct plug_broker_proof proof_table = {
    .size = sizeof proof_table,
    .proven_ms = proxy_proven_ms,
};

/* --- "plug.broker.presence/1" -------------------------------------------------------------- */

static plug_status put_members(struct proxy *proxy, enum wire_kind kind,
                               const struct plug_member *v, size_t n, struct plug_op *op)
{
  size_t begin;
  plug_status status;
  uint64_t id = proxy_begin_op(proxy, kind, op, NULL, &begin, &status);
  if (!id)
    return status;
  struct buf *out = &proxy->pipe.out;
  wire_put_u32(out, (uint32_t)n);
  for (size_t i = 0; i < n; i++) {
    wire_put_str(out, v[i].topic);
    wire_put_str(out, v[i].member);
    wire_put_str(out, v[i].user);
    wire_put_str(out, v[i].info);
  }
  return proxy_end_op(proxy, id, begin);
}

static plug_status proxy_join(void *self, const struct plug_member *v, size_t n, struct plug_op *op)
{
  return put_members(self, WIRE_JOIN, v, n, op);
}

static plug_status proxy_leave(void *self, const struct plug_member *v, size_t n,
                               struct plug_op *op)
{
  return put_members(self, WIRE_LEAVE, v, n, op);
}

static plug_status put_topic(struct proxy *proxy, enum wire_kind kind, struct plug_str topic,
                             struct plug_op *op)
{
  size_t begin;
  plug_status status;
  uint64_t id = proxy_begin_op(proxy, kind, op, NULL, &begin, &status);
  if (!id)
    return status;
  wire_put_str(&proxy->pipe.out, topic);
  return proxy_end_op(proxy, id, begin);
}

static plug_status proxy_watch(void *self, struct plug_str topic, struct plug_op *op)
{
  return put_topic(self, WIRE_WATCH, topic, op);
}

static plug_status proxy_list(void *self, struct plug_str topic, struct plug_op *op)
{
  return put_topic(self, WIRE_LIST, topic, op);
}

static void proxy_unwatch(void *self, struct plug_str topic)
{
  size_t begin;
  struct buf *out = proxy_begin(self, WIRE_UNWATCH, &begin);
  if (!out)
    return;
  wire_put_str(out, topic);
  (void)proxy_end(self, begin);
}

static void proxy_restored(void *self)
{
  size_t begin;
  if (proxy_begin(self, WIRE_RESTORED, &begin))
    (void)proxy_end(self, begin);
}

static const struct plug_broker_presence presence_table = {
    .size = sizeof presence_table,
    .join = proxy_join,
    .leave = proxy_leave,
    .watch = proxy_watch,
    .unwatch = proxy_unwatch,
    .list = proxy_list,
    .restored = proxy_restored,
};

const void *proxy_extension(void *self, const char *id)
{
  const struct proxy *proxy = self;
  if (!strcmp(id, PLUG_EXT_BROKER_PROOF) && (proxy->extensions & SAID_PROOF))
    return &proof_table;
  if (!strcmp(id, PLUG_EXT_BROKER_PRESENCE) && (proxy->extensions & SAID_PRESENCE))
    return &presence_table;
  return NULL;
}

/* --- upcalls ------------------------------------------------------------------------------- */

static void tell_flow(struct proxy *proxy, bool congested)
{
  size_t begin;
  struct buf *out;
  if (congested == proxy->congested || !(out = proxy_begin(proxy, WIRE_FLOW, &begin)))
    return;
  proxy->congested = congested;
  wire_put_u64(out, congested);
  (void)proxy_end(proxy, begin);
}

static void deliver(struct proxy *proxy, uint64_t interest, const struct plug_msg *msg)
{
  const struct plug_host *host = proxy->host;
  tell_flow(proxy, host->broker->deliver(host, interest, msg) == PLUG_EAGAIN);
}

static const char *hear_message(struct proxy *proxy, const struct said *said)
{
  static struct log_limit limit;
  const char *why = NULL;
  uint64_t held;
  const struct plug_msg *msg = envelope_parse(said->area, &why);
  if (msg) {
    deliver(proxy, said->interest, msg);
    message_unref(msg);
  } else if (log_limit_pass(&limit, 10000, &held)) {
    char more[LOG_HELD_MAX];
    log_warn(proxy->name, "dropped a message: %s%s", why, log_held(held, more));
  }
  return NULL;
}

static const char *hear_lane_echo(struct proxy *proxy, const struct said_echo *echo)
{
  const struct plug_msg *msg = lane_message(proxy, echo->id);
  if (!msg)
    return "the echo of a message that it does not have";
  deliver(proxy, echo->interest, msg);
  if (echo->done)
    proxy->lane_up->over(proxy->lane_ctx, echo->status, STR(""));
  return NULL;
}

const char *proxy_hear_echo(struct proxy *proxy, const struct wire_frame *frame)
{
  struct said_echo echo;
  struct plug_op *op;
  const char *wrong = said_read_echo(frame, &echo);
  if (wrong)
    return wrong;
  if (echo.id & WIRE_LANE)
    return hear_lane_echo(proxy, &echo);
  const struct request *request = requests_find(&proxy->requests, echo.id);
  if (!request || !request->msg)
    return "the echo of a message that it does not have";
  deliver(proxy, echo.interest, request->msg);
  if (echo.done && requests_take(&proxy->requests, echo.id, &op) && op)
    proxy->host->op_done(op, echo.status, STR(""));
  return NULL;
}

const char *proxy_hear_broker(struct proxy *proxy, const struct said *said)
{
  const struct plug_broker_presence_up *presence = proxy->presence_up;
  const struct request *request = NULL;
  if (proxy->phase != PROXY_RUNNING && proxy->phase != PROXY_STARTING)
    return "more than it has to before start";
  if (said->kind == WIRE_DELIVER)
    return hear_message(proxy, said);
  if (said->kind == WIRE_USER || said->kind == WIRE_TOTAL)
    request = requests_find(&proxy->requests, said->id);
  if (!(proxy->extensions & SAID_PRESENCE) || !presence)
    return "something of rooms, which it does not keep";
  switch (said->kind) {
  case WIRE_USER:
  case WIRE_TOTAL:
    if (!request || !request->op || request->msg)
      return "the members of a room that was not asked for";
    if (said->kind == WIRE_USER)
      presence->user(request->op, said->user, said->info, said->members);
    else
      presence->total(request->op, said->users, said->members, said->pos);
    return NULL;
  case WIRE_CHANGED:
    presence->changed(proxy->host, &said->change);
    return NULL;
  case WIRE_LOST:
    presence->lost(proxy->host);
    return NULL;
  default:
    return "what it has no business to say";
  }
}
