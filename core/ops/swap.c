#include "ops/swap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include <plugboard/ext/foreign.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "broker/broker_swap.h"
#include "config/broker_section.h"
#include "ops/broker_image.h"
#include "presence/presence_swap.h"

#define OVERLAP_MIN_MS 200u
#define SETTLE_MS      100u /* for what was published to the old broker alone to come in */
#define LEAVE_MS       50u
#define TAIL_MS        3000u
#define LOOK_MS        2u /* how often is asked whether all have come round */
#define WAIT_MS        10u
#define STOP_LIMIT_MS  5000u

static const char *const phases[] = {[SWAP_SUBSCRIBING] = "subscribing",
                                     [SWAP_MARKING] = "starting",
                                     [SWAP_JOINING] = "joining",
                                     [SWAP_SETTLING] = "joining",
                                     [SWAP_OVERLAP] = "overlap",
                                     [SWAP_SWITCHING] = "switching",
                                     [SWAP_LEAVING] = "switching",
                                     [SWAP_CANCELLING] = "cancelling",
                                     [SWAP_TAIL] = NULL};

void swap_init(struct swap *swap)
{
  pthread_mutex_init(&swap->mutex, NULL);
}

void swap_fini(struct swap *swap)
{
  pthread_mutex_destroy(&swap->mutex);
}

static void enter(struct swap *swap, enum swap_phase phase, uint64_t for_ms)
{
  swap->phase = phase;
  swap->until_ms = clock_now_ms() + for_ms;
  pthread_mutex_lock(&swap->mutex);
  swap->status.phase = phases[phase];
  pthread_mutex_unlock(&swap->mutex);
}

bool swap_status(struct swap *swap, struct swap_status *out)
{
  pthread_mutex_lock(&swap->mutex);
  *out = swap->status;
  pthread_mutex_unlock(&swap->mutex);
  return out->phase != NULL;
}

bool swap_is_under_way(const struct swap *swap)
{
  return swap->phase != SWAP_NONE && swap->phase != SWAP_TAIL;
}

void swap_show(struct swap *swap, const char *kind, const char *to)
{
  pthread_mutex_lock(&swap->mutex);
  swap->status.kind = kind;
  swap->status.from[0] = '\0';
  snprintf(swap->status.to, sizeof swap->status.to, "%.63s", to);
  swap->status.phase = "starting";
  pthread_mutex_unlock(&swap->mutex);
}

void swap_shown(struct swap *swap)
{
  pthread_mutex_lock(&swap->mutex);
  swap->status.phase = NULL;
  pthread_mutex_unlock(&swap->mutex);
}

/* "redis" for "broker.redis". */
static const char *short_name(const char *instance)
{
  const char *dot = strchr(instance, '.');
  return dot ? dot + 1 : instance;
}

/* --- quiet points ------------------------------------------------------------------------- */

/* Whoever looks at the broker does so within a turn of a worker or of the control thread, on this
 * thread, or as the monitor. */
static void quiet_begin(struct swap *swap)
{
  for (unsigned i = 0; i < swap->n_workers; i++) {
    swap->turns[i] = atomic_load_explicit(&swap->workers[i].turns, memory_order_acquire);
    worker_wake(&swap->workers[i]);
  }
}

static void nothing(void *arg) PLUG_NOEXCEPT
{
  (void)arg;
}

static bool quiet_passed(struct swap *swap)
{
  for (unsigned i = 0; i < swap->n_workers; i++)
    if (atomic_load_explicit(&swap->workers[i].turns, memory_order_acquire) == swap->turns[i])
      return false;
  monitor_pass(swap->monitor);
  return loop_call_within(swap->loop, nothing, NULL, STOP_LIMIT_MS);
}

/* --- the end of one ----------------------------------------------------------------------- */

static void finish(struct swap *swap, bool mistaken)
{
  const char *why = swap->why[0] ? swap->why : NULL;
  const struct swap_end end = {.from = swap->status.from,
                               .to = swap->status.to,
                               .why = why,
                               .mistaken = mistaken,
                               .took_ms = clock_now_ms() - swap->began_ms,
                               .overlap_ms = swap->overlap_ms};
  if (why) {
    COUNT(swaps_failed);
    log_error("core", "the broker stays %s, %s does not take over: %s", end.from, end.to, why);
  } else {
    COUNT(swaps);
    log_info("core", "the broker is %s from now on, and was %s: swapped in %" PRIu64 " ms", end.to,
             end.from, end.took_ms);
  }
  swap_end_fn done = swap->done;
  swap->done = NULL;
  done(swap->ctx, &end);
}

/* From here on all becomes as it was. */
static void give_up(struct swap *swap, const char *why)
{
  snprintf(swap->why, sizeof swap->why, "%s", why);
  broker_swap_cancel(swap->broker);
  quiet_begin(swap);
  enter(swap, SWAP_CANCELLING, 0);
}

/* Before anything has begun: what is left of the last one goes on. */
static void refuse(struct swap *swap, const char *why)
{
  snprintf(swap->why, sizeof swap->why, "%s", why);
  finish(swap, true);
}

/* --- the beginning ------------------------------------------------------------------------ */

/* Messages of such a broker cannot be told apart from those of another one. */
static bool is_foreign(const struct plugin_instance *instance, struct plug_err *err)
{
  if (!instance_extension(instance, PLUG_EXT_BROKER_FOREIGN))
    return false;
  snprintf(
      err->text, sizeof err->text,
      "the messages of [%s] travel in a format without origin and id, so that what two brokers "
      "bring could not be told apart: this one needs a restart",
      instance_name(instance));
  return true;
}

static bool create(struct swap *swap, const struct swap_plan *plan, struct plug_err *err)
{
  struct settings named = *plan->settings;
  char section[128], plugin[PATH_MAX];
  snprintf(plugin, sizeof plugin, "%s", plan->plugin);
  named.broker_plugin = plugin;
  broker_section_name(&named, section, sizeof section);
  pthread_mutex_lock(&swap->mutex);
  snprintf(swap->status.to, sizeof swap->status.to, "%.63s", short_name(section));
  pthread_mutex_unlock(&swap->mutex);
  struct plugin_image *image = broker_image_load(plan->settings, plugin, err);
  if (!image) {
    if (plan->by_file)
      broker_section_blame(plan->settings, err);
    return false;
  }
  if (image->entry.auth) {
    snprintf(err->text, sizeof err->text,
             "%s: %s has an auth table too, which nobody would ask: such a broker needs a restart",
             image->base, image->entry.id);
    return false;
  }
  if (broker_swap_create(swap->broker, image, section, config_find(plan->config, section), err) !=
      PLUG_OK)
    return false;
  if (is_foreign(broker_instance(swap->broker), err) ||
      is_foreign(broker_swap_instance(swap->broker), err)) {
    broker_swap_drop(swap->broker);
    return false;
  }
  if (swap->presence && !presence_swap_fits(swap->presence, broker_swap_instance(swap->broker))) {
    broker_swap_drop(swap->broker);
    snprintf(err->text, sizeof err->text,
             "%s: %s does not know who is where, and the broker that runs does: applications that "
             "ask for presence need a restart",
             image->base, image->entry.id);
    return false;
  }
  return true;
}

void swap_begin(struct swap *swap, const struct swap_plan *plan, swap_end_fn done, void *ctx)
{
  struct plug_err err = {0};
  if (swap_is_under_way(swap)) {
    const struct swap_end end = {
        .from = swap->status.from, .to = plan->plugin, .why = "another swap is under way"};
    COUNT(swaps_failed);
    log_error("core", "%s does not take over: %s", end.to, end.why);
    done(ctx, &end);
    return;
  }
  swap->done = done;
  swap->ctx = ctx;
  swap->why[0] = '\0';
  swap->began_ms = clock_now_ms();
  swap->overlap_ms = plan->overlap_ms < OVERLAP_MIN_MS ? OVERLAP_MIN_MS : plan->overlap_ms;
  pthread_mutex_lock(&swap->mutex);
  swap->status.kind = "broker";
  snprintf(swap->status.from, sizeof swap->status.from, "%.63s",
           short_name(instance_name(broker_instance(swap->broker))));
  pthread_mutex_unlock(&swap->mutex);
  if (!create(swap, plan, &err)) {
    refuse(swap, err.text[0] ? err.text : "out of memory");
    return;
  }
  log_info("core", "the broker %s is about to take over from %s", swap->status.to,
           swap->status.from);
  swap->up_ms = plan->settings->operation_timeout_ms;
  broker_swap_mark(swap->broker);
  quiet_begin(swap);
  enter(swap, SWAP_MARKING, 0);
}

/* --- the way ------------------------------------------------------------------------------ */

static uint64_t begin(struct swap *swap)
{
  struct plug_err err = {0};
  if (broker_swap_start(swap->broker, &err) == PLUG_OK) {
    enter(swap, SWAP_SUBSCRIBING, swap->up_ms);
    return LOOK_MS;
  }
  snprintf(swap->why, sizeof swap->why, "%s", err.text[0] ? err.text : "it does not start");
  enter(swap, SWAP_TAIL, TAIL_MS);
  finish(swap, false);
  return TAIL_MS;
}

static uint64_t subscribing(struct swap *swap)
{
  char why[256];
  bool refused;
  if (broker_swap_ready(swap->broker, why, sizeof why, &refused)) {
    if (broker_swap_share(swap->broker)) {
      quiet_begin(swap);
      enter(swap, SWAP_JOINING, 0);
    } else {
      give_up(swap, "the control thread does not come back");
    }
  } else if (refused || clock_now_ms() >= swap->until_ms) {
    give_up(swap, why);
  }
  return LOOK_MS;
}

static uint64_t overlapping(struct swap *swap)
{
  char why[256];
  bool refused;
  uint64_t now_ms = clock_now_ms();
  if (now_ms < swap->until_ms)
    return swap->until_ms - now_ms;
  if (!broker_swap_ready(swap->broker, why, sizeof why, &refused)) {
    if (now_ms >= swap->until_ms + swap->up_ms)
      give_up(swap, why);
    return WAIT_MS;
  }
  struct plugin_instance *instance = broker_swap_instance(swap->broker);
  broker_swap_switch(swap->broker);
  if (swap->presence)
    presence_swap(swap->presence, instance);
  quiet_begin(swap);
  enter(swap, SWAP_SWITCHING, 0);
  return LOOK_MS;
}

static uint64_t retire(struct swap *swap)
{
  broker_swap_retire(swap->broker);
  enter(swap, SWAP_TAIL, TAIL_MS);
  finish(swap, false);
  return TAIL_MS;
}

uint64_t swap_tend(struct swap *swap)
{
  uint64_t now_ms = clock_now_ms();
  uint64_t left_ms = swap->until_ms > now_ms ? swap->until_ms - now_ms : 0;
  switch (swap->phase) {
  case SWAP_NONE:
    return UINT64_MAX;
  case SWAP_MARKING:
    return quiet_passed(swap) ? begin(swap) : LOOK_MS;
  case SWAP_SUBSCRIBING:
    return subscribing(swap);
  case SWAP_JOINING:
    if (quiet_passed(swap))
      enter(swap, SWAP_SETTLING, SETTLE_MS);
    return LOOK_MS;
  case SWAP_SETTLING:
    if (left_ms)
      return left_ms;
    broker_swap_merge(swap->broker);
    enter(swap, SWAP_OVERLAP, swap->overlap_ms);
    return swap->overlap_ms;
  case SWAP_OVERLAP:
    return overlapping(swap);
  case SWAP_SWITCHING:
    if (quiet_passed(swap))
      enter(swap, SWAP_LEAVING, LEAVE_MS);
    return LOOK_MS;
  case SWAP_LEAVING:
    return left_ms ? left_ms : retire(swap);
  case SWAP_CANCELLING:
    return quiet_passed(swap) ? retire(swap) : LOOK_MS;
  case SWAP_TAIL:
    if (left_ms)
      return left_ms;
    broker_swap_over(swap->broker);
    swap->phase = SWAP_NONE;
    return UINT64_MAX;
  }
  return UINT64_MAX;
}

void swap_stop(struct swap *swap)
{
  uint64_t deadline_ms = clock_now_ms() + STOP_LIMIT_MS;
  switch (swap->phase) {
  case SWAP_NONE:
    return;
  case SWAP_TAIL:
  case SWAP_CANCELLING:
  case SWAP_SWITCHING:
  case SWAP_LEAVING:
    break;
  default:
    give_up(swap, "the server is stopping");
  }
  if (swap->phase == SWAP_CANCELLING || swap->phase == SWAP_SWITCHING) {
    while (!quiet_passed(swap) && clock_now_ms() < deadline_ms)
      uv_sleep(LOOK_MS);
  }
  if (swap->phase != SWAP_TAIL)
    retire(swap);
  swap->phase = SWAP_NONE;
}
