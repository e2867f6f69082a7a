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
#define HANG_LIMIT_MS  500

/* --- upcalls ------------------------------------------------------------------------------ */

/* An own message has come back as another: it is as old as that. */
static void follow_echo(const struct engine *engine, const struct plug_msg *msg)
{
  uint64_t accepted_us = followed_find(&engine->followed, msg->id);
  if (accepted_us && str_eq(msg->origin, str_of(message_node())))
    message_follow(msg, accepted_us);
}

static plug_status let_in(struct engine *engine, uint64_t interest, const struct plug_msg *msg)
{
  struct gate *gate = atomic_load_explicit(&engine->gate, memory_order_acquire);
  return __builtin_expect(gate != NULL, 0) ? gate_deliver(gate, engine->place.slot, interest, msg)
                                           : interest_deliver(engine->interests, interest, msg);
}

plug_status engine_let_in(void *ctx, const struct plug_msg *msg)
{
  return let_in(ctx, 0, msg);
}

static plug_status on_deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  struct engine *engine = ctx;
  if (!(engine->caps & PLUG_CAP_DIRECT)) {
    if (proof_hear(&engine->proof, msg))
      return PLUG_OK;
    follow_echo(engine, msg);
  }
  plug_status status = let_in(engine, interest, msg);
  /* Dropped where a worker's inbox could not hold it; the status of limits is not for plugins. */
  return status == PLUG_ETOOBIG ? PLUG_EUNAVAIL : status;
}

/* A backend that was away comes back to one node before the other: what the first one sends at once
 * nobody else would hear. */
static void wait_for_others(struct engine *engine, bool ready)
{
  bool wait = ready && engine->was_lost && !engine->place.candidate &&
              engine->settings.queue_when_down && (engine->caps & PLUG_CAP_CROSS_NODE);
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
  /* It is up, and the one that it takes over from is not: what waits there may go. */
  if (ready && engine->twin && !engine_ready(engine->twin))
    engine_move_waiting(engine->twin, engine);
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
  if (engine->twin)
    interest_group_settle(engine->place.group);
  engine_update_ready(engine);
}

static void on_turn_end(struct loop_hook *hook)
{
  struct engine *engine = container_of(hook, struct engine, hook);
  engine_count_over(engine);
  engine_update_ready(engine);
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

/* --- life --------------------------------------------------------------------------------- */

struct engine *engine_new(const struct broker_settings *settings, const struct engine_place *place)
{
  struct engine *engine = aligned_alloc(64, (sizeof *engine + 63) / 64 * 64);
  if (!engine)
    return NULL;
  *engine = (struct engine){.settings = *settings, .place = *place};
  engine->publish_task.run = engine_run_publishes;
  engine->hook.run = on_turn_end;
  health_init(&engine->health, on_health);
  return engine;
}

plug_status engine_create(struct engine *engine, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct plug_err *err)
{
  struct interest_table *interests = engine->place.group->table;
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
  if (!engine_publish_init(engine, image->lane)) {
    snprintf(err->text, sizeof err->text, "out of memory");
    instance_destroy(engine->instance);
    engine->instance = NULL;
    return PLUG_ENOMEM;
  }
  const struct interest_sync_limits limits = {engine->settings.unsubscribe_grace_ms,
                                              engine->settings.max_unused_topics,
                                              engine->settings.operation_timeout_ms};
  interest_sync_init(&engine->sync, engine->instance, engine->place.group, &limits);
  engine->sync.slot = engine->place.slot;
  engine->sync.local_patterns = !(engine->caps & PLUG_CAP_CROSS_NODE);
  proof_init(&engine->proof, engine->instance, interests, engine->caps,
             engine->settings.probe_interval_ms, engine->settings.operation_timeout_ms);
  return PLUG_OK;
}

/* It is to have all interests before it takes over. One that brings all messages itself need not be
 * asked for patterns, but others have to, and never were. */
static void mirror(struct engine *engine, const struct interest_sync *other)
{
  if (other->local_patterns && !engine->sync.local_patterns) {
    interest_set_local_patterns(engine->interests, false);
    interest_queue_patterns(engine->interests);
  }
  interest_sync_mirror(&engine->sync, other);
  interest_group_changes(engine->place.group);
}

static void start_on_home(void *arg) PLUG_NOEXCEPT
{
  struct engine *engine = arg;
  struct loop *loop = instance_loop(engine->instance);
  engine->running = true;
  down_queue_open(&engine->down_queue, loop_uv(loop));
  struct interest_group *group = engine->place.group;
  engine->sync.required = !engine->place.candidate;
  group->syncs[engine->place.slot] = &engine->sync;
  interest_sync_start(&engine->sync);
  if (engine->place.candidate)
    mirror(engine, group->syncs[1 - engine->place.slot]);
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
  if (!engine->running)
    return;
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
  engine_count_over(engine);
}

/* False: the control thread has not come back, or not in time. */
static bool drain(struct engine *engine)
{
  /* The watchdog learns a little later that it is back. */
  uint64_t limit_ms = watchdog_home_hangs() ? HANG_LIMIT_MS : DRAIN_LIMIT_MS;
  if (!loop_call_within(instance_loop(engine->instance), stop_on_home, engine, limit_ms))
    return false;
  if (instance_state(engine->instance) == INSTANCE_RUNNING)
    instance_drain(engine->instance);
  return true;
}

void engine_drain(struct engine *engine)
{
  (void)drain(engine); /* if not, engine_stop looks again */
}

void engine_stop(struct engine *engine)
{
  /* What the engine has open at home keeps it from being taken apart. */
  if (engine->running && !drain(engine))
    instance_give_up(engine->instance);
  else
    instance_stop(engine->instance);
}

bool engine_free(struct engine *engine)
{
  if (!engine)
    return true;
  /* What was abandoned may still come back into the engine. */
  if (engine->instance && instance_state(engine->instance) == INSTANCE_ABANDONED)
    return false;
  if (engine->instance)
    instance_destroy(engine->instance);
  order_free(engine->order);
  lane_free(engine->lane);
  health_fini(&engine->health);
  free(engine);
  return true;
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

uint32_t engine_caps(const struct engine *engine)
{
  return engine->caps;
}

/* --- two of them -------------------------------------------------------------------------- */

bool engine_refuses(struct engine *engine, char *out, size_t size)
{
  const struct interest_sync *sync = &engine->sync;
  if (!sync->n_refused)
    return false;
  snprintf(out, size, "%s", sync->refused);
  return true;
}

void engine_set_gate(struct engine *engine, struct gate *gate)
{
  atomic_store_explicit(&engine->gate, gate, memory_order_release);
}

void engine_pair(struct engine *engine, struct engine *twin)
{
  engine->twin = twin;
}

void engine_require(struct engine *engine, bool required)
{
  engine->sync.required = required;
  engine->place.candidate = engine->place.candidate && !required;
  interest_group_settle(engine->place.group);
}

void engine_leave(struct engine *engine)
{
  struct interest_group *group = engine->place.group;
  if (group->syncs[engine->place.slot] != &engine->sync)
    return;
  group->syncs[engine->place.slot] = NULL;
  interest_sync_detach(&engine->sync);
  interest_group_settle(group);
}
