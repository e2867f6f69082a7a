#include "broker/broker.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/str.h"
#include "broker/down_queue.h"
#include "broker/followed.h"
#include "broker/health.h"
#include "broker/interest_sync.h"
#include "broker/order.h"
#include "broker/proof.h"
#include "message/message.h"
#include "plugin/op.h"
#include "plugin/watchdog.h"

/* A publish on its way to the control thread, waiting for better times, or with the plugin. */
struct publish {
  union {
    struct mpsc_node node;
    struct down_queue_entry waiting;
  };
  struct broker *broker;
  const struct plug_msg *msg; /* a reference */
  struct inbox_item *answer;  /* NULL: nobody waits */
  struct inbox *inbox;
  struct order_turn turn; /* without PLUG_CAP_ECHO, while has_turn */
  _Atomic int refs;       /* whoever acts on it or has its operation, and its turn */
  bool has_turn;          /* its turn has not been ended */
  bool counted;           /* among broker.n_publishes */
  bool failed;            /* what its sender was told */
};

/* Of messages that the backend has not taken; above these publishers should wait. Well below what a
 * plugin holds before it refuses more, however much the operator lets wait here. */
#define UNTAKEN_MAX       50000
#define UNTAKEN_BYTES_MAX (16 << 20)
#define REFUSED_PERIOD_MS 10000
#define START_LIMIT_MS    10000
#define DRAIN_LIMIT_MS    5000

struct broker {
  struct broker_settings settings;
  struct plugin_instance *instance;
  struct interest_table *interests;
  const struct plug_broker *plugin;
  uint32_t caps;
  _Atomic int up; /* as the plugin last reported */
  _Atomic int ready;
  struct loop_task changes_task, publish_task;
  _Atomic int changes_posted;
  struct mpsc publishes;
  struct order *order; /* without PLUG_CAP_ECHO */
  /* Not taken by the backend, but for the down_queue; or taken, and not their turn yet. */
  _Alignas(64) _Atomic int64_t n_publishes;
  _Atomic int64_t publish_bytes; /* of these */
  /* control thread */
  struct interest_sync sync;
  struct loop_hook hook;
  struct down_queue down_queue; /* struct publish.waiting */
  bool was_lost;                /* since it was last ready */
  struct health health;
  bool running;
  struct proof proof;
  struct followed followed; /* with PLUG_CAP_ECHO and not PLUG_CAP_DIRECT */
};

/* --- upcalls ------------------------------------------------------------------------------ */

/* An own message has come back as another: it is as old as that. */
static void follow_echo(const struct broker *broker, const struct plug_msg *msg)
{
  uint64_t accepted_us = followed_find(&broker->followed, msg->id);
  if (accepted_us && str_eq(msg->origin, str_of(message_node())))
    message_follow(msg, accepted_us);
}

static plug_status on_deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  struct broker *broker = ctx;
  if (!(broker->caps & PLUG_CAP_DIRECT)) {
    if (proof_hear(&broker->proof, msg))
      return PLUG_OK;
    follow_echo(broker, msg);
  }
  plug_status status = interest_deliver(broker->interests, interest, msg);
  /* Dropped where a worker's inbox could not hold it; the status of limits is not for plugins. */
  return status == PLUG_ETOOBIG ? PLUG_EUNAVAIL : status;
}

/* A backend that was away comes back to one node before the other: what the first one sends at once
 * nobody else would hear. */
static void wait_for_others(struct broker *broker, bool ready)
{
  bool wait = ready && broker->was_lost && broker->settings.queue_when_down &&
              (broker->caps & PLUG_CAP_CROSS_NODE);
  if (ready)
    broker->was_lost = false;
  if (!wait || !down_queue_delay(&broker->down_queue))
    down_queue_end_delay(&broker->down_queue);
}

static void update_ready(struct broker *broker)
{
  bool ready =
      atomic_load(&broker->up) && !broker->health.bad && interest_sync_restored(&broker->sync);
  bool was_ready = broker_ready(broker);
  atomic_store_explicit(&broker->ready, ready, memory_order_release);
  if (ready && !was_ready)
    proof_begin(&broker->proof);
  else if (!ready && was_ready)
    proof_pause(&broker->proof);
  if (!ready || !was_ready)
    wait_for_others(broker, ready);
  if (ready && !broker->down_queue.returning)
    down_queue_flush(&broker->down_queue);
}

static void on_state(void *ctx, int32_t state, uint32_t flags, struct plug_str why)
{
  struct broker *broker = ctx;
  bool up = state == PLUG_STATE_UP;
  (void)why; /* the plugin logs its own changes, with the length of the gap */
  atomic_store(&broker->up, up);
  broker->health.bad = false; /* newer than the last poll */
  broker->was_lost |= !up || ((flags & PLUG_INTERESTS_LOST) && broker_ready(broker));
  interest_sync_state(&broker->sync, up, (flags & PLUG_INTERESTS_LOST) != 0);
  update_ready(broker);
}

static void on_turn_end(struct loop_hook *hook)
{
  update_ready(container_of(hook, struct broker, hook));
}

static void on_health(struct health *health)
{
  struct broker *broker = container_of(health, struct broker, health);
  if (!atomic_load(&broker->up))
    return;
  log_warn(instance_name(broker->instance), "%s",
           health->bad ? "says that it is not up, without having reported it"
                       : "says that it is up again");
  broker->was_lost |= health->bad;
  update_ready(broker);
}

/* --- interests ---------------------------------------------------------------------------- */

static void run_changes(struct loop_task *task)
{
  struct broker *broker = container_of(task, struct broker, changes_task);
  atomic_store(&broker->changes_posted, 0);
  if (broker->running)
    interest_sync_changes(&broker->sync);
}

void broker_on_change(void *arg)
{
  struct broker *broker = arg;
  if (broker->instance && !atomic_exchange(&broker->changes_posted, 1))
    loop_post_task(instance_loop(broker->instance), &broker->changes_task);
}

/* --- publishing --------------------------------------------------------------------------- */

static bool is_failure(plug_status status)
{
  return status < 0 && status != PLUG_EAGAIN;
}

/* [any] */
static void publish_count(struct publish *publish, bool counted)
{
  struct broker *broker = publish->broker;
  int64_t bytes = (int64_t)message_bytes(publish->msg);
  if (publish->counted == counted)
    return;
  publish->counted = counted;
  atomic_fetch_add_explicit(&broker->n_publishes, counted ? 1 : -1, memory_order_relaxed);
  atomic_fetch_add_explicit(&broker->publish_bytes, counted ? bytes : -bytes, memory_order_relaxed);
}

static struct publish *publish_new(struct broker *broker, const struct plug_msg *msg,
                                   struct inbox_item *answer, struct inbox *inbox)
{
  struct publish *publish = malloc(sizeof *publish);
  if (!publish)
    return NULL;
  message_ref(msg);
  *publish =
      (struct publish){.broker = broker, .msg = msg, .answer = answer, .inbox = inbox, .refs = 1};
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
  if (!publish->broker->order || publish->has_turn)
    return;
  atomic_fetch_add_explicit(&publish->refs, 1, memory_order_relaxed);
  publish->has_turn = true;
  order_enter(publish->broker->order, &publish->turn, publish->msg);
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
  return order_end(publish->broker->order, &publish->turn, deliver);
}

/* The message is lent to the plugin until it completes the operation: this runs when it has. */
static void on_publish_release(void *arg, plug_status status, struct plug_str detail)
{
  struct publish *publish = arg;
  (void)detail;
  if (publish->failed && !is_failure(status))
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

/* [any] The outcome of a publish: local delivery where the broker does not echo, and the answer.
 * The publish itself stays. */
static void publish_finish(struct publish *publish, plug_status status)
{
  publish->failed = is_failure(status);
  if (!publish->failed)
    time_publish(publish->msg);
  if (publish->failed)
    COUNT(publish_failed);
  turn_end(publish, !publish->failed);
  if (publish->answer) {
    publish->answer->status = status == PLUG_EAGAIN ? PLUG_OK : status;
    if (inbox_put(publish->inbox, publish->answer))
      publish->inbox->wake(publish->inbox);
  }
}

static void publish_end(struct publish *publish, plug_status status)
{
  publish_finish(publish, status);
  publish_unref(publish);
}

static void on_published(void *arg, plug_status status, struct plug_str detail)
{
  struct publish *publish = arg;
  static struct log_limit limit;
  uint64_t held;
  /* Without a receipt the log is the only one to be told. */
  if (status < 0 && !publish->answer && log_limit_pass(&limit, REFUSED_PERIOD_MS, &held))
    log_warn("broker",
             "a message to '%.*s' was refused: %.*s (%" PRIu64
             " more without a receipt before, not reported)",
             STR_ARG(publish->msg->topic), STR_ARG(detail), held);
  publish_finish(publish, status);
}

/* [home] Calls the plugin. False, and publish stays the caller's, if the backend is away. There is
 * an operation even when nobody waits for the outcome: publishers are slowed down by how much the
 * backend has not taken, and what it never takes is counted. */
static bool publish_call(struct publish *publish)
{
  struct broker *broker = publish->broker;
  struct plug_op *op =
      op_new(broker->instance, broker->settings.operation_timeout_ms, on_published, publish);
  if (!op) {
    publish_end(publish, PLUG_ENOMEM);
    return true;
  }
  op_on_release(op, on_publish_release);
  turn_begin(publish);
  struct instance_call call;
  instance_call_begin(&call, broker->instance, "publish");
  plug_status status = broker->plugin->publish(instance_self(broker->instance), publish->msg, op);
  status = op_offered(op, status);
  instance_call_end(&call);
  if (status == PLUG_PENDING)
    return true;
  if (status == PLUG_EUNAVAIL && broker->settings.queue_when_down)
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
  update_ready(ctx);
}

static const struct down_queue_calls down_queue_calls = {down_queue_send, down_queue_give_up,
                                                         down_queue_over};

static void wait_for_backend(struct broker *broker, struct publish *publish)
{
  publish_count(publish, false);
  if (!down_queue_add(&broker->down_queue, &publish->waiting, message_bytes(publish->msg)))
    publish_end(publish, PLUG_EUNAVAIL);
}

static void run_publishes(struct loop_task *task)
{
  struct broker *broker = container_of(task, struct broker, publish_task);
  struct mpsc_node *node = mpsc_take(&broker->publishes);
  /* A session's SUBSCRIBE reaches the plugin before what the session publishes after it. */
  if (node && broker->running)
    interest_sync_changes(&broker->sync);
  while (node) {
    struct publish *publish = container_of(node, struct publish, node);
    node = node->next;
    if (!broker->running) {
      publish_end(publish, PLUG_ECANCELED);
    } else if (broker->settings.queue_when_down &&
               (!broker_ready(broker) || down_queue_holds(&broker->down_queue))) {
      wait_for_backend(broker, publish); /* behind what waits already */
    } else if (!broker_ready(broker)) {
      publish_end(publish, PLUG_EUNAVAIL);
    } else if (!publish_call(publish)) {
      wait_for_backend(broker, publish);
    }
  }
}

/* False, and counted: as many as may wait do. */
static bool has_room(struct broker *broker)
{
  int64_t depth = atomic_load_explicit(&broker->n_publishes, memory_order_relaxed);
  if (depth < (int64_t)broker->settings.publish_queue)
    return true;
  COUNT(publish_failed);
  return false;
}

static plug_status publish_here(struct broker *broker, const struct plug_msg *msg,
                                struct inbox_item *answer, struct inbox *inbox)
{
  struct publish *publish = NULL;
  struct plug_op *op = NULL;
  if (broker->order && !has_room(broker))
    return PLUG_ESTATE;
  if (answer || broker->order) {
    publish = publish_new(broker, msg, answer, inbox);
    if (!publish)
      return PLUG_ENOMEM;
    op = op_new(broker->instance, broker->settings.operation_timeout_ms, on_published, publish);
    if (!op) {
      publish_unref(publish);
      return PLUG_ENOMEM;
    }
    op_on_release(op, on_publish_release);
    publish_count(publish, broker->order != NULL);
    turn_begin(publish);
  }
  struct watch_call call;
  watch_enter(&call, broker->instance, "publish");
  plug_status status = broker->plugin->publish(instance_self(broker->instance), msg, op);
  if (op)
    status = op_offered(op, status);
  else if (status > PLUG_PENDING)
    status = op_judge(broker->instance, "publish", status);
  watch_leave(&call);
  if (status == PLUG_PENDING)
    return PLUG_PENDING;
  if (is_failure(status))
    COUNT(publish_failed);
  else
    time_publish(msg);
  if (publish) {
    if (turn_end(publish, !is_failure(status)) != PLUG_OK)
      status = PLUG_EAGAIN;
    publish_unref(publish);
  }
  return status;
}

plug_status broker_publish(struct broker *broker, const struct plug_msg *msg,
                           struct inbox_item *answer, struct inbox *inbox)
{
  COUNT(published);
  uint64_t max = broker->plugin->max_payload;
  if (max && msg->payload.len > max) {
    COUNT(publish_failed);
    return PLUG_ETOOBIG;
  }
  if (broker->caps & PLUG_CAP_PUBLISH_ANY)
    return publish_here(broker, msg, answer, inbox);
  /* Until all topics are subscribed again the backend takes messages that our own subscribers would
   * never hear back: it counts as down. */
  if (!broker_ready(broker) && !broker->settings.queue_when_down) {
    COUNT(publish_failed);
    return PLUG_EUNAVAIL;
  }
  if (watchdog_home_hangs()) { /* nobody would take it home */
    COUNT(publish_failed);
    return PLUG_EUNAVAIL;
  }
  if (!has_room(broker))
    return PLUG_ESTATE;
  struct publish *publish = publish_new(broker, msg, answer, inbox);
  if (!publish) {
    COUNT(publish_failed);
    return PLUG_ENOMEM;
  }
  publish_count(publish, true);
  if (message_accepted_us(msg) && (broker->caps & PLUG_CAP_ECHO))
    followed_add(&broker->followed, msg->id, message_accepted_us(msg));
  if (mpsc_push(&broker->publishes, &publish->node))
    loop_post_task(instance_loop(broker->instance), &broker->publish_task);
  return PLUG_PENDING;
}

bool broker_publish_unheard(struct broker *broker, uint64_t topic_hash, size_t payload_len)
{
  uint64_t max = broker->plugin->max_payload;
  if (!(broker->caps & PLUG_CAP_DIRECT) || (max && payload_len > max) ||
      interest_is_heard(broker->interests, topic_hash))
    return false;
  COUNT(published);
  COUNT(delivered_node);
  return true;
}

bool broker_congested(const struct broker *broker)
{
  int64_t untaken = atomic_load_explicit(&broker->n_publishes, memory_order_relaxed);
  return untaken > (int64_t)broker->settings.publish_queue / 2 || untaken > UNTAKEN_MAX ||
         atomic_load_explicit(&broker->publish_bytes, memory_order_relaxed) > UNTAKEN_BYTES_MAX ||
         interest_congested(broker->interests);
}

/* --- life --------------------------------------------------------------------------------- */

struct broker *broker_new(const struct broker_settings *settings)
{
  struct broker *broker = aligned_alloc(64, (sizeof *broker + 63) / 64 * 64);
  if (!broker)
    return NULL;
  *broker = (struct broker){.settings = *settings};
  broker->changes_task.run = run_changes;
  broker->publish_task.run = run_publishes;
  broker->hook.run = on_turn_end;
  health_init(&broker->health, on_health);
  const struct down_queue_settings down = {.max_messages = settings->down_queue_messages,
                                           .max_bytes = settings->down_queue_bytes,
                                           .wait_ms = settings->down_queue_ms,
                                           .delay_ms = settings->down_queue_delay_ms};
  down_queue_init(&broker->down_queue, &down, &down_queue_calls, broker);
  return broker;
}

plug_status broker_create(struct broker *broker, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct interest_table *interests, struct plug_err *err)
{
  struct instance_broker_up up = {.deliver = on_deliver, .state = on_state, .ctx = broker};
  broker->interests = interests;
  broker->instance = instance_create(image, loop, name, section, &up, err);
  if (!broker->instance)
    return PLUG_EINVAL;
  broker->plugin = instance_broker(broker->instance);
  if (!broker->plugin) {
    snprintf(err->text, sizeof err->text, "%s: plugin '%s' is not a broker", image->base,
             image->entry.id);
    instance_destroy(broker->instance);
    broker->instance = NULL;
    return PLUG_EINVAL;
  }
  broker->caps = broker->plugin->caps;
  if (!(broker->caps & PLUG_CAP_ECHO) && !(broker->order = order_new(interests, on_turn_over))) {
    snprintf(err->text, sizeof err->text, "out of memory");
    instance_destroy(broker->instance);
    broker->instance = NULL;
    return PLUG_ENOMEM;
  }
  interest_set_local_patterns(interests, !(broker->caps & PLUG_CAP_CROSS_NODE));
  interest_sync_init(&broker->sync, broker->instance, interests,
                     broker->settings.unsubscribe_grace_ms, broker->settings.max_unused_topics,
                     broker->settings.operation_timeout_ms);
  proof_init(&broker->proof, broker->instance, interests, broker->caps,
             broker->settings.probe_interval_ms, broker->settings.operation_timeout_ms);
  return PLUG_OK;
}

static void start_on_home(void *arg) PLUG_NOEXCEPT
{
  struct broker *broker = arg;
  struct loop *loop = instance_loop(broker->instance);
  broker->running = true;
  down_queue_open(&broker->down_queue, loop_uv(loop));
  interest_sync_start(&broker->sync);
  proof_open(&broker->proof);
  loop_add_hook(loop, &broker->hook);
}

/* A broker that says nothing of its state in start is up. */
static void settle_on_home(void *arg) PLUG_NOEXCEPT
{
  struct broker *broker = arg;
  int32_t state = health_open(&broker->health, broker->instance);
  if (state == PLUG_STATE_UP) {
    atomic_store(&broker->up, 1);
    interest_sync_state(&broker->sync, true, false);
    update_ready(broker);
  }
}

plug_status broker_start(struct broker *broker, struct plug_err *err)
{
  struct loop *loop = instance_loop(broker->instance);
  plug_status status = PLUG_ETIMEDOUT;
  if (loop_call_within(loop, start_on_home, broker, START_LIMIT_MS))
    status = instance_start(broker->instance, err);
  if (status == PLUG_OK && !loop_call_within(loop, settle_on_home, broker, START_LIMIT_MS)) {
    status = PLUG_ETIMEDOUT;
    snprintf(err->text, sizeof err->text,
             "[%s] cannot start: the control thread does not come back from health",
             instance_name(broker->instance));
  }
  return status;
}

static void stop_on_home(void *arg) PLUG_NOEXCEPT
{
  struct broker *broker = arg;
  if (broker->down_queue.returning)
    down_queue_flush(&broker->down_queue); /* better early than never */
  run_publishes(&broker->publish_task);
  broker->running = false;
  atomic_store(&broker->ready, 0);
  loop_remove_hook(instance_loop(broker->instance), &broker->hook);
  interest_sync_stop(&broker->sync);
  health_close(&broker->health);
  proof_close(&broker->proof);
  down_queue_close(&broker->down_queue);
  run_publishes(&broker->publish_task);
}

void broker_drain(struct broker *broker)
{
  uint64_t limit_ms = watchdog_home_hangs() ? 0 : DRAIN_LIMIT_MS;
  if (!loop_call_within(instance_loop(broker->instance), stop_on_home, broker, limit_ms))
    return; /* and is abandoned by broker_stop */
  if (instance_state(broker->instance) == INSTANCE_RUNNING)
    instance_drain(broker->instance);
}

void broker_stop(struct broker *broker)
{
  if (broker->running)
    broker_drain(broker);
  instance_stop(broker->instance);
}

void broker_free(struct broker *broker)
{
  if (!broker)
    return;
  /* What was abandoned may still come back into the broker. */
  if (broker->instance && instance_state(broker->instance) == INSTANCE_ABANDONED)
    return;
  if (broker->instance)
    instance_destroy(broker->instance);
  order_free(broker->order);
  health_fini(&broker->health);
  free(broker);
}

uint64_t broker_max_payload(const struct broker *broker)
{
  return broker->plugin->max_payload;
}

struct plugin_instance *broker_instance(const struct broker *broker)
{
  return broker->instance;
}

static uint64_t not_negative(int64_t n)
{
  return n > 0 ? (uint64_t)n : 0; /* two threads' changes may be seen in the other order */
}

struct broker_load broker_load(const struct broker *broker)
{
  return (struct broker_load){
      .untaken = not_negative(atomic_load_explicit(&broker->n_publishes, memory_order_relaxed)),
      .untaken_bytes =
          not_negative(atomic_load_explicit(&broker->publish_bytes, memory_order_relaxed)),
      .waiting = atomic_load_explicit(&broker->down_queue.n, memory_order_relaxed),
      .waiting_bytes = atomic_load_explicit(&broker->down_queue.bytes, memory_order_relaxed)};
}

bool broker_ready(const struct broker *broker)
{
  return atomic_load_explicit(&broker->ready, memory_order_acquire) != 0;
}

const struct proof *broker_proof(const struct broker *broker)
{
  return &broker->proof;
}

void broker_health_text(struct broker *broker, char out[HEALTH_TEXT_MAX])
{
  health_text(&broker->health, out);
}

bool broker_unready(struct broker *broker, char *out, size_t size)
{
  char text[HEALTH_TEXT_MAX], fault[120];
  if (watchdog_reason(out, size))
    return true;
  if (broker_ready(broker)) {
    if (!proof_fault(&broker->proof, fault, sizeof fault))
      return false;
    snprintf(out, size, "the broker %s", fault);
    return true;
  }
  health_text(&broker->health, text);
  snprintf(out, size, "the broker is unavailable%s%s", text[0] ? ": " : "", text);
  return true;
}
