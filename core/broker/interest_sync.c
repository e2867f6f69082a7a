#include "broker/interest_batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"

/* Large enough that a batch's cost is its members', small enough that a [home] call stays short. */
#define BATCH_MAX        1000
/* Of interests without an answer; above it those that are asked again wait, but not fresh ones: a
 * broker can hold back what is published behind a subscribe only if it knows of that. */
#define ASKING_MAX       4000
#define UNUSED_PERIOD_MS 10000

static void on_timer(uv_timer_t *timer);

void interest_sync_init(struct interest_sync *sync, struct plugin_instance *instance,
                        struct interest_group *group, const struct interest_sync_limits *limits)
{
  *sync = (struct interest_sync){.instance = instance,
                                 .group = group,
                                 .table = group->table,
                                 .grace_ms = limits->grace_ms,
                                 .max_unused = limits->max_unused,
                                 .timeout_ms = limits->timeout_ms};
  list_init(&sync->known);
  list_init(&sync->fresh);
  list_init(&sync->ask);
  list_init(&sync->gone);
  list_init(&sync->grace);
  list_init(&sync->batches);
}

plug_status interest_sync_start(struct interest_sync *sync)
{
  sync->timer = malloc(sizeof *sync->timer);
  if (!sync->timer)
    return PLUG_ENOMEM;
  uv_timer_init(loop_uv(instance_loop(sync->instance)), sync->timer);
  sync->timer->data = sync;
  return PLUG_OK;
}

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

void interest_sync_stop(struct interest_sync *sync)
{
  sync->stopping = true;
  if (sync->timer)
    uv_close((uv_handle_t *)sync->timer, free_timer);
  sync->timer = NULL;
}

bool interest_sync_restored(const struct interest_sync *sync)
{
  return sync->n_restoring == 0;
}

void interest_sync_arm(struct interest_sync *sync, uint64_t after_ms)
{
  if (sync->timer &&
      (!uv_is_active((uv_handle_t *)sync->timer) || uv_timer_get_due_in(sync->timer) > after_ms))
    uv_timer_start(sync->timer, on_timer, after_ms, 0);
}

static void grace_add(struct interest_sync *sync, struct interest *interest)
{
  HOLD(sync, interest)->grace_until_ms = clock_now_ms() + sync->grace_ms;
  interest_sync_arm(sync, sync->grace_ms);
  list_append(&sync->grace, &HOLD(sync, interest)->grace);
  sync->n_grace++;
}

void interest_sync_no_grace(struct interest_sync *sync, struct interest *interest)
{
  if (list_empty(&HOLD(sync, interest)->grace))
    return;
  list_remove(&HOLD(sync, interest)->grace);
  sync->n_grace--;
}

static bool plugin_takes(const struct interest_sync *sync, const struct interest *interest)
{
  return !interest->is_pattern || instance_broker(sync->instance)->caps & PLUG_CAP_PATTERN;
}

/* Whom to ask next, n being in the batch already; NULL: nobody now. */
static struct list *next_to_ask(struct interest_sync *sync, size_t n)
{
  if (!list_empty(&sync->fresh))
    return list_first(&sync->fresh);
  return sync->n_asking + n < ASKING_MAX ? list_first(&sync->ask) : NULL;
}

/* For how many of those that wait the next batch is made: it lives until the plugin has done with
 * it, which may be long, and most have one member. */
static size_t next_batch(const struct interest_sync *sync)
{
  size_t n = 0;
  const struct list *const heads[] = {&sync->fresh, &sync->ask};
  for (size_t i = 0; i < 2; i++)
    for (const struct list *node = heads[i]->next; node != heads[i]; node = node->next) {
      if (container_of(node, struct interest_hold, ask)->alone)
        return n ? n : 1;
      if (++n == BATCH_MAX)
        return n;
    }
  return n;
}

void interest_sync_pump(struct interest_sync *sync)
{
  if (sync->pumping)
    return; /* a plugin that reports its state from inside subscribe: the loop below goes on */
  sync->pumping = true;
  while (sync->up && !sync->stopping && next_to_ask(sync, 0)) {
    struct batch *batch = batch_new(sync, true, next_batch(sync));
    if (!batch) {
      interest_sync_arm(sync, BATCH_RETRY_MS);
      break;
    }
    struct list *node;
    while (batch->n < batch->cap && (node = next_to_ask(sync, batch->n))) {
      struct interest *interest = INTEREST_BY(sync, node, ask);
      if (HOLD(sync, interest)->alone && batch->n)
        break;
      list_remove(node);
      if (!plugin_takes(sync, interest)) {
        set_restoring(sync, interest, false);
        interest_group_answer(sync, interest, PLUG_ENOTSUP);
        continue;
      }
      batch_add(batch, interest);
      if (HOLD(sync, interest)->alone) {
        HOLD(sync, interest)->alone = false;
        break;
      }
    }
    if (batch->n == 0) {
      batch_free(batch);
      continue;
    }
    if (batch_is_passing(batch_call(batch)))
      break; /* the retry timer is armed */
  }
  sync->pumping = false;
}

/* --- changes ------------------------------------------------------------------------------ */

static void retire_expired(struct interest_sync *sync);

/* Who subscribes and unsubscribes one topic after the other while the backend is silent must not
 * fill the memory: neither the node nor the plugin can let go of what has not been answered. Those
 * that somebody waits for are bounded by max-subscriptions, and do not count here. */
static bool may_ask(struct interest_sync *sync)
{
  if (sync->n_unanswered < sync->max_unused)
    return true;
  uint64_t held;
  char more[LOG_HELD_MAX];
  COUNT(refused_unused);
  if (log_limit_pass(&sync->unused_limit, UNUSED_PERIOD_MS, &held))
    log_warn(instance_name(sync->instance),
             "has not answered for %zu topics that nobody wants any more: over [limits] "
             "max-unused-topics no further topic is subscribed%s",
             sync->n_unanswered, log_held(held, more));
  return false;
}

/* Wanted for the first time, or again after it was refused or forgotten. */
static void subscribe(struct interest_sync *sync, struct interest *interest)
{
  struct interest_hold *hold = HOLD(sync, interest);
  if (!hold->owed && !may_ask(sync)) {
    interest_group_answer(sync, interest, PLUG_EUNAVAIL);
    return;
  }
  hold->held = true;
  if (list_empty(&hold->link))
    list_append(&sync->known, &hold->link);
  if (hold->owed) {
    interest_group_answer(sync, interest, PLUG_ETIMEDOUT);
  } else if (hold->confirmed || interest_sync_is_local(sync, interest)) {
    interest_group_answer(sync, interest, PLUG_OK);
  } else if (list_empty(&hold->ask) && !hold->in_flight) {
    list_append(&sync->fresh, &hold->ask);
    if (!sync->required) /* it takes over with all that is there then */
      set_restoring(sync, interest, true);
  }
}

void interest_sync_drop(struct interest_sync *sync, struct interest *interest)
{
  struct interest_hold *hold = HOLD(sync, interest);
  interest_sync_no_grace(sync, interest);
  set_restoring(sync, interest, false);
  list_remove(&hold->link);
  list_remove(&hold->ask);
  if (hold->in_flight) {
    hold->orphan = true;
    set_unanswered(sync, interest, true);
  } else if (hold->confirmed && !interest_sync_is_local(sync, interest)) {
    list_append(&sync->gone, &hold->ask);
  } else {
    interest_sync_release(sync, interest);
  }
}

void interest_sync_give_back(struct interest_sync *sync)
{
  struct list *node;
  size_t n = 0;
  for (node = sync->gone.next; node != &sync->gone && n < BATCH_MAX; node = node->next)
    n++;
  struct batch *batch = n ? batch_new(sync, false, n) : NULL;
  if (!batch)
    return; /* without memory the plugin keeps them until the next time */
  while (n--) {
    struct interest *interest = INTEREST_BY(sync, list_first(&sync->gone), ask);
    list_remove(&HOLD(sync, interest)->ask);
    batch_add(batch, interest);
  }
  batch_give_back(batch);
}

void interest_sync_change(struct interest_sync *sync, struct interest *interest,
                          enum interest_change change)
{
  interest_sync_no_grace(sync, interest);
  set_unanswered(sync, interest, false);
  switch (change) {
  case INTEREST_CHANGE_SUBSCRIBE:
    subscribe(sync, interest);
    break;
  case INTEREST_CHANGE_UNUSED:
    if (HOLD(sync, interest)->in_flight)
      set_unanswered(sync, interest, true);
    else if (HOLD(sync, interest)->held)
      grace_add(sync, interest);
    break;
  case INTEREST_CHANGE_GONE:
    interest_sync_drop(sync, interest);
    break;
  case INTEREST_CHANGE_WANTED:
  case INTEREST_CHANGE_NONE:
    break;
  }
}

void interest_sync_changed(struct interest_sync *sync)
{
  interest_sync_give_back(sync);
  if (sync->n_grace > sync->max_unused)
    interest_sync_give_back(sync);
  retire_expired(sync);
  interest_sync_pump(sync);
}

static bool is_over(const struct interest_sync *sync, const struct interest *interest,
                    size_t before, uint64_t now)
{
  return HOLD(sync, interest)->grace_until_ms <= now || sync->n_grace - before > sync->max_unused;
}

/* How many are to go, at most a batch. */
static size_t count_expired(const struct interest_sync *sync, uint64_t now)
{
  size_t n = 0;
  for (const struct list *node = sync->grace.next; node != &sync->grace && n < BATCH_MAX;
       node = node->next, n++)
    if (!is_over(sync, INTEREST_BY(sync, node, grace), n, now))
      break;
  return n;
}

/* None of these is in flight: see batch_add. */
static void retire_expired(struct interest_sync *sync)
{
  uint64_t now = clock_now_ms();
  struct batch *batch = NULL;
  struct list *node;
  while ((node = list_first(&sync->grace))) {
    struct interest *interest = INTEREST_BY(sync, node, grace);
    if (!is_over(sync, interest, 0, now)) {
      interest_sync_arm(sync, HOLD(sync, interest)->grace_until_ms - now);
      break;
    }
    if (!batch && !(batch = batch_new(sync, false, count_expired(sync, now)))) {
      interest_sync_arm(sync, BATCH_RETRY_MS);
      return;
    }
    interest_sync_no_grace(sync, interest);
    if (!interest_group_retire(sync, interest))
      continue; /* wanted again: a change says so, or will */
    set_restoring(sync, interest, false);
    list_remove(&HOLD(sync, interest)->link);
    list_remove(&HOLD(sync, interest)->ask);
    if (interest_sync_is_local(sync, interest)) {
      interest_sync_release(sync, interest);
      continue;
    }
    batch_add(batch, interest);
    if (batch->n == batch->cap) {
      batch_give_back(batch);
      batch = NULL;
    }
  }
  if (batch) /* which may be empty */
    batch_give_back(batch);
}

static void on_timer(uv_timer_t *timer)
{
  struct interest_sync *sync = timer->data;
  if (sync->stopping)
    return;
  interest_sync_give_back(sync);
  retire_expired(sync);
  interest_sync_pump(sync);
}

/* Is it to be asked for again, now that the backend has forgotten it? */
static bool is_missed(struct interest_sync *sync, struct interest *interest)
{
  struct interest_hold *hold = HOLD(sync, interest);
  if (interest_sync_is_local(sync, interest))
    return false;
  hold->confirmed = false;
  if (hold->in_flight || !list_empty(&hold->ask))
    return false;
  return sync->required ? interest_ask_again(sync->table, interest) : !hold->failed;
}

void interest_sync_state(struct interest_sync *sync, bool up, bool lost)
{
  sync->up = up;
  if (lost) {
    /* Newest first: the sessions that came last are the ones that wait for a receipt. */
    for (struct list *node = sync->known.prev; node != &sync->known; node = node->prev) {
      struct interest *interest = INTEREST_BY(sync, node, link);
      if (is_missed(sync, interest)) {
        list_append(&sync->ask, &HOLD(sync, interest)->ask);
        set_restoring(sync, interest, true);
      }
    }
  }
  interest_sync_pump(sync);
}

/* --- two of them -------------------------------------------------------------------------- */

void interest_sync_mirror(struct interest_sync *sync, const struct interest_sync *other)
{
  for (const struct list *node = other->known.next; node != &other->known; node = node->next) {
    struct interest *interest = INTEREST_BY(other, node, link);
    struct interest_hold *hold = HOLD(sync, interest);
    if (HOLD(other, interest)->failed || hold->held)
      continue;
    hold->held = true;
    list_append(&sync->known, &hold->link);
    if (interest_sync_is_local(sync, interest)) {
      hold->confirmed = true;
    } else {
      list_append(&sync->ask, &hold->ask);
      set_restoring(sync, interest, true);
    }
    if (!list_empty(&HOLD(other, interest)->grace))
      grace_add(sync, interest);
  }
  interest_sync_pump(sync);
}

void interest_sync_release(struct interest_sync *sync, struct interest *interest)
{
  struct interest_hold *hold = HOLD(sync, interest);
  interest_sync_no_grace(sync, interest);
  set_restoring(sync, interest, false);
  set_unanswered(sync, interest, false);
  list_remove(&hold->link);
  list_remove(&hold->ask);
  hold->held = hold->in_flight = hold->owed = hold->orphan = hold->alone = false;
  hold->confirmed = hold->failed = false;
  for (unsigned i = 0; i < INTEREST_HOLDS; i++)
    if (interest->holds[i].held)
      return;
  if (interest->removed)
    interest_free(interest);
}

void interest_sync_detach(struct interest_sync *sync)
{
  struct list *node;
  while ((node = list_first(&sync->batches))) {
    struct batch *batch = container_of(node, struct batch, link);
    list_remove(node);
    batch->sync = NULL;
    for (size_t i = 0; i < batch->n; i++)
      interest_sync_release(sync, batch->members[i]);
    batch->n = 0;
  }
  while ((node = list_first(&sync->gone)))
    interest_sync_release(sync, INTEREST_BY(sync, node, ask));
  while ((node = list_first(&sync->known)))
    interest_sync_release(sync, INTEREST_BY(sync, node, link));
}
