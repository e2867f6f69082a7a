#include "broker/engine_inner.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "message/message.h"
#include "plugin/watchdog.h"

#define START_LIMIT_MS 10000
#define DRAIN_LIMIT_MS 5000

/* --- upcalls ------------------------------------------------------------------------------ */

/* An own message has come back as another: it is as old as that. */
static void follow_echo(const struct engine *engine, const struct plug_msg *msg)
{
  uint64_t accepted_us = followed_find(&engine->followed, msg->id);
  if (accepted_us && str_eq(msg->origin, str_of(message_node())))
    message_follow(msg, accepted_us);
}

static plug_status on_deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  struct engine *engine = ctx;
  if (!(engine->caps & PLUG_CAP_DIRECT)) {
    if (proof_hear(&engine->proof, msg))
      return PLUG_OK;
    follow_echo(engine, msg);
  }
  plug_status status = interest_deliver(engine->interests, interest, msg);
  /* Dropped where a worker's inbox could not hold it; the status of limits is not for plugins. */
  return status == PLUG_ETOOBIG ? PLUG_EUNAVAIL : status;
}

/* A backend that was away comes back to one node before the other: what the first one sends at once
 * nobody else would hear. */
static void wait_for_others(struct engine *engine, bool ready)
{
  bool wait = ready && engine->was_lost && engine->settings.queue_when_down &&
              (engine->caps & PLUG_CAP_CROSS_NODE);
  if (ready)
    engine->was_lost = false;
  if (!wait || !down_queue_delay(&engine->down_queue))
    down_queue_end_delay(&engine->down_queue);
}

void engine_update_ready(struct engine *engine)
{
  bool ready =
      atomic_load(&engine->up) && !engine->health.bad && interest_sync_restored(&engine->sync);
  bool was_ready = engine_ready(engine);
  atomic_store_explicit(&engine->ready, ready, memory_order_release);
  if (ready && !was_ready)
    proof_begin(&engine->proof);
  else if (!ready && was_ready)
    proof_pause(&engine->proof);
  if (!ready || !was_ready)
    wait_for_others(engine, ready);
  if (ready && !engine->down_queue.returning)
    down_queue_flush(&engine->down_queue);
}

static void on_state(void *ctx, int32_t state, uint32_t flags, struct plug_str why)
{
  struct engine *engine = ctx;
  bool up = state == PLUG_STATE_UP;
  (void)why; /* the plugin logs its own changes, with the length of the gap */
  atomic_store(&engine->up, up);
  engine->health.bad = false; /* newer than the last poll */
  engine->was_lost |= !up || ((flags & PLUG_INTERESTS_LOST) && engine_ready(engine));
  interest_sync_state(&engine->sync, up, (flags & PLUG_INTERESTS_LOST) != 0);
  engine_update_ready(engine);
}

static void on_turn_end(struct loop_hook *hook)
{
  engine_update_ready(container_of(hook, struct engine, hook));
}

static void on_health(struct health *health)
{
  struct engine *engine = container_of(health, struct engine, health);
  if (!atomic_load(&engine->up))
    return;
  log_warn(instance_name(engine->instance), "%s",
           health->bad ? "says that it is not up, without having reported it"
                       : "says that it is up again");
  engine->was_lost |= health->bad;
  engine_update_ready(engine);
}

/* --- interests ---------------------------------------------------------------------------- */

static void run_changes(struct loop_task *task)
{
  struct engine *engine = container_of(task, struct engine, changes_task);
  atomic_store(&engine->changes_posted, 0);
  if (engine->running)
    interest_sync_changes(&engine->sync);
}

void engine_on_change(struct engine *engine)
{
  if (engine->instance && !atomic_exchange(&engine->changes_posted, 1))
    loop_post_task(instance_loop(engine->instance), &engine->changes_task);
}

/* --- life --------------------------------------------------------------------------------- */

struct engine *engine_new(const struct broker_settings *settings)
{
  struct engine *engine = aligned_alloc(64, (sizeof *engine + 63) / 64 * 64);
  if (!engine)
    return NULL;
  *engine = (struct engine){.settings = *settings};
  engine->changes_task.run = run_changes;
  engine->publish_task.run = engine_run_publishes;
  engine->hook.run = on_turn_end;
  health_init(&engine->health, on_health);
  return engine;
}

plug_status engine_create(struct engine *engine, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct interest_table *interests, struct plug_err *err)
{
  struct instance_broker_up up = {.deliver = on_deliver, .state = on_state, .ctx = engine};
  engine->interests = interests;
  engine->instance = instance_create(image, loop, name, section, &up, err);
  if (!engine->instance)
    return PLUG_EINVAL;
  engine->plugin = instance_broker(engine->instance);
  if (!engine->plugin) {
    snprintf(err->text, sizeof err->text, "%s: plugin '%s' is not a broker", image->base,
             image->entry.id);
    instance_destroy(engine->instance);
    engine->instance = NULL;
    return PLUG_EINVAL;
  }
  engine->caps = engine->plugin->caps;
  if (!engine_publish_init(engine)) {
    snprintf(err->text, sizeof err->text, "out of memory");
    instance_destroy(engine->instance);
    engine->instance = NULL;
    return PLUG_ENOMEM;
  }
  interest_set_local_patterns(interests, !(engine->caps & PLUG_CAP_CROSS_NODE));
  interest_sync_init(&engine->sync, engine->instance, interests,
                     engine->settings.unsubscribe_grace_ms, engine->settings.max_unused_topics,
                     engine->settings.operation_timeout_ms);
  proof_init(&engine->proof, engine->instance, interests, engine->caps,
             engine->settings.probe_interval_ms, engine->settings.operation_timeout_ms);
  return PLUG_OK;
}

static void start_on_home(void *arg) PLUG_NOEXCEPT
{
  struct engine *engine = arg;
  struct loop *loop = instance_loop(engine->instance);
  engine->running = true;
  down_queue_open(&engine->down_queue, loop_uv(loop));
  interest_sync_start(&engine->sync);
  proof_open(&engine->proof);
  loop_add_hook(loop, &engine->hook);
}

/* A broker that says nothing of its state in start is up. */
static void settle_on_home(void *arg) PLUG_NOEXCEPT
{
  struct engine *engine = arg;
  int32_t state = health_open(&engine->health, engine->instance);
  if (state == PLUG_STATE_UP) {
    atomic_store(&engine->up, 1);
    interest_sync_state(&engine->sync, true, false);
    engine_update_ready(engine);
  }
}

plug_status engine_start(struct engine *engine, struct plug_err *err)
{
  struct loop *loop = instance_loop(engine->instance);
  plug_status status = PLUG_ETIMEDOUT;
  if (loop_call_within(loop, start_on_home, engine, START_LIMIT_MS))
    status = instance_start(engine->instance, err);
  if (status == PLUG_OK && !loop_call_within(loop, settle_on_home, engine, START_LIMIT_MS)) {
    status = PLUG_ETIMEDOUT;
    snprintf(err->text, sizeof err->text,
             "[%s] cannot start: the control thread does not come back from health",
             instance_name(engine->instance));
  }
  return status;
}

static void stop_on_home(void *arg) PLUG_NOEXCEPT
{
  struct engine *engine = arg;
  if (engine->down_queue.returning)
    down_queue_flush(&engine->down_queue); /* better early than never */
  engine_run_publishes(&engine->publish_task);
  engine->running = false;
  atomic_store(&engine->ready, 0);
  loop_remove_hook(instance_loop(engine->instance), &engine->hook);
  interest_sync_stop(&engine->sync);
  health_close(&engine->health);
  proof_close(&engine->proof);
  down_queue_close(&engine->down_queue);
  engine_run_publishes(&engine->publish_task);
}

void engine_drain(struct engine *engine)
{
  uint64_t limit_ms = watchdog_home_hangs() ? 0 : DRAIN_LIMIT_MS;
  if (!loop_call_within(instance_loop(engine->instance), stop_on_home, engine, limit_ms))
    return; /* and is abandoned by broker_stop */
  if (instance_state(engine->instance) == INSTANCE_RUNNING)
    instance_drain(engine->instance);
}

void engine_stop(struct engine *engine)
{
  if (engine->running)
    engine_drain(engine);
  instance_stop(engine->instance);
}

void engine_free(struct engine *engine)
{
  if (!engine)
    return;
  /* What was abandoned may still come back into the broker. */
  if (engine->instance && instance_state(engine->instance) == INSTANCE_ABANDONED)
    return;
  if (engine->instance)
    instance_destroy(engine->instance);
  order_free(engine->order);
  health_fini(&engine->health);
  free(engine);
}

uint64_t engine_max_payload(const struct engine *engine)
{
  return engine->plugin->max_payload;
}

struct plugin_instance *engine_instance(const struct engine *engine)
{
  return engine->instance;
}

bool engine_ready(const struct engine *engine)
{
  return atomic_load_explicit(&engine->ready, memory_order_acquire) != 0;
}

const struct proof *engine_proof(const struct engine *engine)
{
  return &engine->proof;
}

void engine_health_text(struct engine *engine, char out[HEALTH_TEXT_MAX])
{
  health_text(&engine->health, out);
}

bool engine_unready(struct engine *engine, char *out, size_t size)
{
  char text[HEALTH_TEXT_MAX], fault[120];
  if (watchdog_reason(out, size))
    return true;
  if (engine_ready(engine)) {
    if (!proof_fault(&engine->proof, fault, sizeof fault))
      return false;
    snprintf(out, size, "the broker %s", fault);
    return true;
  }
  health_text(&engine->health, text);
  snprintf(out, size, "the broker is unavailable%s%s", text[0] ? ": " : "", text);
  return true;
}
