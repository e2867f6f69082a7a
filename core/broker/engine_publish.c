#include "broker/engine_inner.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/str.h"
#include "message/message.h"
#include "plugin/op.h"
#include "plugin/watchdog.h"

/* A publish on its way to the control thread, waiting for better times, or with the plugin. */
struct publish {
  union {
    struct mpsc_node node;
    struct down_queue_entry waiting;
  };
  struct engine *engine;
  const struct plug_msg *msg; /* a reference */
  struct publish_to to;
  struct order_turn turn; /* without PLUG_CAP_ECHO, while has_turn */
  _Atomic int refs;       /* whoever acts on it or has its operation, and its turn */
  bool has_turn;          /* its turn has not been ended */
  bool counted;           /* among engine.n_publishes */
  bool failed;            /* what its sender was told */
};

/* Of messages that the backend has not taken; above these publishers should wait. Well below what a
 * plugin holds before it refuses more, however much the operator lets wait here. */
#define UNTAKEN_MAX       50000
#define UNTAKEN_BYTES_MAX (16 << 20)
#define REFUSED_PERIOD_MS 10000

static bool is_failure(plug_status status)
{
  return status < 0 && status != PLUG_EAGAIN;
}

/* [any] */
static void publish_count(struct publish *publish, bool counted)
{
  struct engine *engine = publish->engine;
  int64_t bytes = (int64_t)message_bytes(publish->msg);
  if (publish->counted == counted)
    return;
  publish->counted = counted;
  atomic_fetch_add_explicit(&engine->n_publishes, counted ? 1 : -1, memory_order_relaxed);
  atomic_fetch_add_explicit(&engine->publish_bytes, counted ? bytes : -bytes, memory_order_relaxed);
}

static struct publish *publish_new(struct engine *engine, const struct plug_msg *msg,
                                   const struct publish_to *to)
{
  struct publish *publish = malloc(sizeof *publish);
  if (!publish)
    return NULL;
  message_ref(msg);
  *publish = (struct publish){.engine = engine, .msg = msg, .to = *to, .refs = 1};
  return publish;
}

static void publish_unref(struct publish *publish)
{
  if (atomic_fetch_sub_explicit(&publish->refs, 1, memory_order_acq_rel) > 1)
    return;
  publish_count(publish, false);
  message_unref(publish->msg);
  free(publish);
}

/* Without an echo the node delivers by itself, and in this order. To be called before the plugin.
 */
static void turn_begin(struct publish *publish)
{
  if (!publish->engine->order || publish->has_turn)
    return;
  atomic_fetch_add_explicit(&publish->refs, 1, memory_order_relaxed);
  publish->has_turn = true;
  order_enter(publish->engine->order, &publish->turn, publish->msg);
}

static void on_turn_over(struct order_turn *turn)
{
  publish_unref(container_of(turn, struct publish, turn));
}

/* PLUG_EAGAIN: delivered where a worker is behind. */
static plug_status turn_end(struct publish *publish, bool deliver)
{
  if (!publish->has_turn)
    return PLUG_OK;
  publish->has_turn = false;
  return order_end(publish->engine->order, &publish->turn, deliver);
}

/* The message is lent to the plugin until it completes the operation: this runs when it has. */
static void on_publish_release(void *arg, plug_status status, struct plug_str detail)
{
  struct publish *publish = arg;
  (void)detail;
  if (publish->failed && !is_failure(status) && !publish->to.second)
    COUNT(publish_late);
  publish_unref(publish);
}

/* [any] The broker has taken it. */
static void time_publish(const struct plug_msg *msg)
{
  uint64_t accepted_us = message_accepted_us(msg);
  if (accepted_us)
    histogram_observe(HISTOGRAM_broker_round_trip, clock_now_us() - accepted_us);
}

/* [any] Who waits is told, and it is counted. */
static void tell_outcome(const struct plug_msg *msg, const struct publish_to *to,
                         plug_status status)
{
  if (!is_failure(status))
    time_publish(msg);
  else if (!to->second)
    COUNT(publish_failed);
  if (to->both) {
    both_finish(to->both, to->second, status);
  } else if (to->answer) {
    to->answer->status = status == PLUG_EAGAIN ? PLUG_OK : status;
    if (inbox_put(to->inbox, to->answer))
      to->inbox->wake(to->inbox);
  }
}

/* [any] The outcome of a publish: local delivery where the broker does not echo, and the answer.
 * The publish itself stays. */
static void publish_finish(struct publish *publish, plug_status status)
{
  publish->failed = is_failure(status);
  turn_end(publish, !publish->failed);
  tell_outcome(publish->msg, &publish->to, status);
}

static void publish_end(struct publish *publish, plug_status status)
{
  publish_finish(publish, status);
  publish_unref(publish);
}

/* Without a receipt the log is the only one to be told. */
static void log_refused(const struct plug_msg *msg, const struct publish_to *to, plug_status status,
                        struct plug_str detail)
{
  static struct log_limit limit;
  uint64_t held;
  if (status < 0 && !to->answer && !to->shared && log_limit_pass(&limit, REFUSED_PERIOD_MS, &held))
    log_warn("broker",
             "a message to '%.*s' was refused: %.*s (%" PRIu64
             " more without a receipt before, not reported)",
             STR_ARG(msg->topic), STR_ARG(detail), held);
}

static void on_published(void *arg, plug_status status, struct plug_str detail)
{
  struct publish *publish = arg;
  log_refused(publish->msg, &publish->to, status, detail);
  publish_finish(publish, status);
}

/* [home] The message is given to another broker too, which is up, or is the one to keep it. */
static bool is_elsewhere(const struct publish *publish)
{
  const struct engine *twin = publish->engine->twin;
  return publish->to.shared && twin && (publish->to.second || engine_ready(twin));
}

/* [home] Calls the plugin. False, and publish stays the caller's, if the backend is away. There is
 * an operation even when nobody waits for the outcome: publishers are slowed down by how much the
 * backend has not taken, and what it never takes is counted. */
static bool publish_call(struct publish *publish)
{
  struct engine *engine = publish->engine;
  struct plug_op *op =
      op_new(engine->instance, engine->settings.operation_timeout_ms, on_published, publish);
  if (!op) {
    publish_end(publish, PLUG_ENOMEM);
    return true;
  }
  op_on_release(op, on_publish_release);
  turn_begin(publish);
  struct instance_call call;
  instance_call_begin(&call, engine->instance, "publish");
  plug_status status = engine->plugin->publish(instance_self(engine->instance), publish->msg, op);
  status = op_offered(op, status);
  instance_call_end(&call);
  if (status == PLUG_PENDING)
    return true;
  if (status == PLUG_EUNAVAIL && engine->settings.queue_when_down && !is_elsewhere(publish))
    return false; /* and keeps its turn */
  publish_end(publish, status);
  return true;
}

static bool down_queue_send(void *ctx, struct down_queue_entry *entry)
{
  struct publish *publish = container_of(entry, struct publish, waiting);
  (void)ctx;
  publish_count(publish, true);
  if (publish_call(publish))
    return true;
  publish_count(publish, false);
  return false;
}

static void down_queue_give_up(void *ctx, struct down_queue_entry *entry, plug_status why)
{
  (void)ctx;
  publish_end(container_of(entry, struct publish, waiting), why);
}

static void down_queue_over(void *ctx)
{
  engine_update_ready(ctx);
}

static const struct down_queue_calls down_queue_calls = {down_queue_send, down_queue_give_up,
                                                         down_queue_over};

static void wait_for_backend(struct engine *engine, struct publish *publish)
{
  publish_count(publish, false);
  if (!down_queue_add(&engine->down_queue, &publish->waiting, message_bytes(publish->msg)))
    publish_end(publish, PLUG_EUNAVAIL);
}

#define AHEAD 8
/* Messages were made on other cores: to wait for each of them when its turn comes would take longer
 * than all that is done with it here. */
static const struct mpsc_node *fetch_ahead(const struct mpsc_node *node, unsigned n)
{
  for (; node && n; node = node->next, n--)
    message_prefetch(container_of(node, struct publish, node)->msg);
  return node;
}

static void publish_in_turn(struct engine *engine, struct publish *publish);

/* A message that was published to this broker alone, which is away; another one is there. */
static void pass_on(struct publish *publish, struct engine *twin)
{
  turn_end(publish, false);
  publish_count(publish, false);
  publish->engine = twin;
  publish_count(publish, true);
  publish_in_turn(twin, publish);
}

static void publish_in_turn(struct engine *engine, struct publish *publish)
{
  bool ready = engine_ready(engine), queue = engine->settings.queue_when_down;
  if (!engine->running)
    publish_end(publish, PLUG_ECANCELED);
  else if (!ready && is_elsewhere(publish))
    publish_end(publish, PLUG_EUNAVAIL);
  else if (!ready && engine->twin && engine_ready(engine->twin))
    pass_on(publish, engine->twin);
  else if (queue && (!ready || down_queue_holds(&engine->down_queue)))
    wait_for_backend(engine, publish); /* behind what waits already */
  else if (!ready)
    publish_end(publish, PLUG_EUNAVAIL);
  else if (!publish_call(publish))
    wait_for_backend(engine, publish);
}

/* --- by the lane -------------------------------------------------------------------------- */

static const struct plug_msg *first_of_lane(void *ctx, uint64_t *number)
{
  const struct engine *engine = ctx;
  const struct lane_item *item = lane_first(engine->lane);
  if (!item)
    return NULL;
  *number = item->number;
  return item->msg;
}

void engine_count_over(struct engine *engine)
{
  if (!engine->n_over)
    return;
  atomic_fetch_sub_explicit(&engine->n_publishes, engine->n_over, memory_order_relaxed);
  atomic_fetch_sub_explicit(&engine->publish_bytes, engine->bytes_over, memory_order_relaxed);
  engine->n_over = engine->bytes_over = 0;
}

/* There may be a million of them in a second, each with workers that add to the same counts. */
static void end_of_lane(struct engine *engine, const struct lane_item *item, plug_status status,
                        struct plug_str detail)
{
  log_refused(item->msg, &item->to, status, detail);
  tell_outcome(item->msg, &item->to, status);
  engine->n_over++;
  engine->bytes_over += (int64_t)message_bytes(item->msg);
  message_unref(item->msg);
  if (!engine->running) /* its turns have no end any more that would be heard of */
    engine_count_over(engine);
}

static void over_of_lane(void *ctx, plug_status status, struct plug_str detail)
{
  struct engine *engine = ctx;
  const struct lane_item item = lane_next(engine->lane);
  end_of_lane(engine, &item, status, detail);
}

static const struct lane_up lane_up = {first_of_lane, over_of_lane};

/* One that the broker does not take as it is: it goes the way of all others. */
static void leave_lane(struct engine *engine, const struct lane_item *item)
{
  struct publish *publish = publish_new(engine, item->msg, &item->to);
  if (!publish) {
    end_of_lane(engine, item, PLUG_ENOMEM, STR("out of memory"));
    return;
  }
  publish->counted = true;
  message_unref(item->msg);
  publish_in_turn(engine, publish);
}

static void run_lane(struct engine *engine)
{
  struct lane_batch *batch = lane_take(engine->lane);
  if (!batch)
    return;
  /* A session's SUBSCRIBE reaches the plugin before what the session publishes after it. */
  if (engine->running)
    interest_group_changes(engine->place.group);
  bool plain = engine->running && engine_ready(engine) && !down_queue_holds(&engine->down_queue);
  if (plain && lane_hand_over(engine->lane, batch, &lane_up, engine) == PLUG_PENDING)
    return;
  for (size_t i = 0; i < batch->n; i++)
    leave_lane(engine, &batch->items[i]);
  lane_give_back(engine->lane, batch);
}

/* --- one by one --------------------------------------------------------------------------- */

void engine_run_publishes(struct loop_task *task)
{
  struct engine *engine = container_of(task, struct engine, publish_task);
  if (engine->lane) {
    run_lane(engine);
    return;
  }
  struct mpsc_node *node = mpsc_take(&engine->publishes);
  /* A session's SUBSCRIBE reaches the plugin before what the session publishes after it. */
  if (node && engine->running)
    interest_group_changes(engine->place.group);
  const struct mpsc_node *ahead = fetch_ahead(node, AHEAD);
  while (node) {
    struct publish *publish = container_of(node, struct publish, node);
    ahead = fetch_ahead(ahead, 1);
    node = node->next;
    publish_in_turn(engine, publish);
  }
}

static void move_one(void *ctx, struct down_queue_entry *entry)
{
  pass_on(container_of(entry, struct publish, waiting), ctx);
}

void engine_move_waiting(struct engine *engine, struct engine *to)
{
  down_queue_move(&engine->down_queue, move_one, to);
}

static void count_failed(const struct publish_to *to)
{
  if (!to->second)
    COUNT(publish_failed);
}

/* False, and counted: as many as may wait do. */
static bool has_room(struct engine *engine, const struct publish_to *to)
{
  int64_t depth = atomic_load_explicit(&engine->n_publishes, memory_order_relaxed);
  if (depth < (int64_t)engine->settings.publish_queue)
    return true;
  count_failed(to);
  return false;
}

static plug_status publish_here(struct engine *engine, const struct plug_msg *msg,
                                const struct publish_to *to)
{
  struct publish *publish = NULL;
  struct plug_op *op = NULL;
  if (engine->order && !has_room(engine, to))
    return PLUG_ESTATE;
  if (to->answer || to->both || engine->order) {
    publish = publish_new(engine, msg, to);
    if (!publish)
      return PLUG_ENOMEM;
    op = op_new(engine->instance, engine->settings.operation_timeout_ms, on_published, publish);
    if (!op) {
      publish_unref(publish);
      return PLUG_ENOMEM;
    }
    op_on_release(op, on_publish_release);
    publish_count(publish, engine->order != NULL);
    turn_begin(publish);
  }
  struct watch_call call;
  watch_enter(&call, engine->instance, "publish");
  plug_status status = engine->plugin->publish(instance_self(engine->instance), msg, op);
  if (op)
    status = op_offered(op, status);
  else if (status > PLUG_PENDING)
    status = op_judge(engine->instance, "publish", status);
  watch_leave(&call);
  if (status == PLUG_PENDING)
    return PLUG_PENDING;
  if (is_failure(status))
    count_failed(to);
  else
    time_publish(msg);
  if (publish) {
    if (turn_end(publish, !is_failure(status)) != PLUG_OK)
      status = PLUG_EAGAIN;
    publish_unref(publish);
  }
  return status;
}

static void follow(struct engine *engine, const struct plug_msg *msg)
{
  if (message_accepted_us(msg) && (engine->caps & PLUG_CAP_ECHO))
    followed_add(&engine->followed, msg->id, message_accepted_us(msg));
}

static plug_status publish_by_lane(struct engine *engine, const struct plug_msg *msg,
                                   const struct publish_to *to)
{
  bool first = false;
  int64_t bytes = (int64_t)message_bytes(msg);
  follow(engine, msg);
  /* Before anybody can take it off again. */
  atomic_fetch_add_explicit(&engine->n_publishes, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&engine->publish_bytes, bytes, memory_order_relaxed);
  plug_status status = lane_put(engine->lane, msg, to, &first);
  if (status != PLUG_PENDING) {
    atomic_fetch_sub_explicit(&engine->n_publishes, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&engine->publish_bytes, bytes, memory_order_relaxed);
    count_failed(to);
    return status;
  }
  if (first)
    loop_post_task(instance_loop(engine->instance), &engine->publish_task);
  return PLUG_PENDING;
}

plug_status engine_publish(struct engine *engine, const struct plug_msg *msg,
                           const struct publish_to *to)
{
  if (!to->second)
    COUNT(published);
  uint64_t max = engine->plugin->max_payload;
  if (max && msg->payload.len > max) {
    count_failed(to);
    return PLUG_ETOOBIG;
  }
  if (engine->caps & PLUG_CAP_PUBLISH_ANY)
    return publish_here(engine, msg, to);
  /* Until all topics are subscribed again the backend takes messages that our own subscribers would
   * never hear back: it counts as down. */
  if (!engine_ready(engine) && !engine->settings.queue_when_down) {
    count_failed(to);
    return PLUG_EUNAVAIL;
  }
  if (watchdog_home_hangs()) { /* nobody would take it home */
    count_failed(to);
    return PLUG_EUNAVAIL;
  }
  if (!has_room(engine, to))
    return PLUG_ESTATE;
  if (engine->lane)
    return publish_by_lane(engine, msg, to);
  struct publish *publish = publish_new(engine, msg, to);
  if (!publish) {
    count_failed(to);
    return PLUG_ENOMEM;
  }
  publish_count(publish, true);
  follow(engine, msg);
  if (mpsc_push(&engine->publishes, &publish->node))
    loop_post_task(instance_loop(engine->instance), &engine->publish_task);
  return PLUG_PENDING;
}

bool engine_publish_unheard(struct engine *engine, uint64_t topic_hash, size_t payload_len)
{
  uint64_t max = engine->plugin->max_payload;
  if (!(engine->caps & PLUG_CAP_DIRECT) || (max && payload_len > max) ||
      interest_is_heard(engine->interests, topic_hash))
    return false;
  COUNT(published);
  COUNT(delivered_node);
  return true;
}

bool engine_congested(const struct engine *engine)
{
  int64_t untaken = atomic_load_explicit(&engine->n_publishes, memory_order_relaxed);
  return untaken > (int64_t)engine->settings.publish_queue / 2 || untaken > UNTAKEN_MAX ||
         atomic_load_explicit(&engine->publish_bytes, memory_order_relaxed) > UNTAKEN_BYTES_MAX ||
         interest_congested(engine->interests);
}

static uint64_t not_negative(int64_t n)
{
  return n > 0 ? (uint64_t)n : 0; /* two threads' changes may be seen in the other order */
}

struct broker_load engine_load(const struct engine *engine)
{
  return (struct broker_load){
      .untaken = not_negative(atomic_load_explicit(&engine->n_publishes, memory_order_relaxed)),
      .untaken_bytes =
          not_negative(atomic_load_explicit(&engine->publish_bytes, memory_order_relaxed)),
      .waiting = atomic_load_explicit(&engine->down_queue.n, memory_order_relaxed),
      .waiting_bytes = atomic_load_explicit(&engine->down_queue.bytes, memory_order_relaxed)};
}

bool engine_publish_init(struct engine *engine, const struct lane_calls *lane)
{
  const struct broker_settings *settings = &engine->settings;
  const struct down_queue_settings down = {.max_messages = settings->down_queue_messages,
                                           .max_bytes = settings->down_queue_bytes,
                                           .wait_ms = settings->down_queue_ms,
                                           .delay_ms = settings->down_queue_delay_ms};
  down_queue_init(&engine->down_queue, &down, &down_queue_calls, engine);
  if (!(engine->caps & PLUG_CAP_ECHO))
    engine->order = order_new(engine_let_in, on_turn_over, engine);
  bool echoes = engine->caps & PLUG_CAP_ECHO;
  void *self = instance_self(engine->instance);
  /* Who waits for a RECEIPT waits no longer than for an operation. */
  bool laned = lane && echoes && lane->limit_ms(self) <= settings->operation_timeout_ms;
  if (laned)
    engine->lane = lane_new(lane, self);
  return (engine->lane || !laned) && (engine->order || echoes);
}
