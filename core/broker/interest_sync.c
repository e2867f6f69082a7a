#include "broker/interest_sync.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "base/utf8.h"
#include "plugin/op.h"

/* Large enough that a batch's cost is its members', small enough that a [home] call stays short. */
#define BATCH_MAX         1000
/* Of interests without an answer; above it those that are asked again wait, but not fresh ones: a
 * broker can hold back what is published behind a subscribe only if it knows of that. */
#define ASKING_MAX        4000
#define RETRY_MS          1000
#define REFUSED_PERIOD_MS 10000
#define REFUSED_LINES     10 /* of a period: who subscribes to a few topics is told of each */

/* v and what it points at are lent to the plugin until it completes the operation, which may be
 * after the deadline has given the members their answer: so the names are the batch's own. */
struct batch {
  struct interest_sync *sync;
  bool subscribe;
  bool owed; /* a subscribe whose members have been told that there is no answer */
  size_t n, cap;
  struct interest **members;
  char *names;
  struct plug_interest v[];
};

static void pump(struct interest_sync *sync);
static plug_status batch_call(struct batch *batch);
static void batch_give_back(struct batch *batch);
static void on_timer(uv_timer_t *timer);

void interest_sync_init(struct interest_sync *sync, struct plugin_instance *instance,
                        struct interest_table *table, uint64_t grace_ms, uint64_t max_unused,
                        uint64_t timeout_ms)
{
  *sync = (struct interest_sync){.instance = instance,
                                 .table = table,
                                 .grace_ms = grace_ms,
                                 .max_unused = max_unused,
                                 .timeout_ms = timeout_ms};
  list_init(&sync->known);
  list_init(&sync->fresh);
  list_init(&sync->ask);
  list_init(&sync->grace);
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

static void set_restoring(struct interest_sync *sync, struct interest *interest, bool restoring)
{
  if (interest->restoring == restoring)
    return;
  interest->restoring = restoring;
  if (restoring)
    sync->n_restoring++;
  else
    sync->n_restoring--;
}

static void set_unanswered(struct interest_sync *sync, struct interest *interest, bool unanswered)
{
  if (interest->unanswered == unanswered)
    return;
  interest->unanswered = unanswered;
  if (unanswered)
    sync->n_unanswered++;
  else
    sync->n_unanswered--;
}

static void arm(struct interest_sync *sync, uint64_t after_ms)
{
  if (sync->timer &&
      (!uv_is_active((uv_handle_t *)sync->timer) || uv_timer_get_due_in(sync->timer) > after_ms))
    uv_timer_start(sync->timer, on_timer, after_ms, 0);
}

static void grace_add(struct interest_sync *sync, struct interest *interest)
{
  interest->grace_until_ms = clock_now_ms() + sync->grace_ms;
  arm(sync, sync->grace_ms);
  list_append(&sync->grace, &interest->grace);
  sync->n_grace++;
}

static void grace_remove(struct interest_sync *sync, struct interest *interest)
{
  if (list_empty(&interest->grace))
    return;
  list_remove(&interest->grace);
  sync->n_grace--;
}

/* --- batches ------------------------------------------------------------------------------ */

static struct batch *batch_new(struct interest_sync *sync, bool subscribe, size_t cap)
{
  struct batch *batch = malloc(sizeof *batch + cap * sizeof batch->v[0]);
  if (!batch)
    return NULL;
  batch->members = malloc(cap * sizeof *batch->members);
  if (!batch->members) {
    free(batch);
    return NULL;
  }
  batch->sync = sync;
  batch->subscribe = subscribe;
  batch->owed = false;
  batch->n = 0;
  batch->cap = cap;
  batch->names = NULL;
  return batch;
}

static void batch_free(struct batch *batch)
{
  free(batch->names);
  free(batch->members);
  free(batch);
}

static void settle_debt(struct batch *batch, plug_status status);

static void on_batch_release(void *arg, plug_status status, struct plug_str detail)
{
  struct batch *batch = arg;
  (void)detail;
  if (batch->owed)
    settle_debt(batch, status);
  batch_free(batch);
}

static void batch_add(struct batch *batch, struct interest *interest)
{
  /* Nobody wants it, but what the plugin says of it comes before its grace period. */
  if (!list_empty(&interest->grace)) {
    grace_remove(batch->sync, interest);
    set_unanswered(batch->sync, interest, true);
  }
  interest->in_flight = true;
  batch->members[batch->n] = interest;
  batch->v[batch->n++] = (struct plug_interest){interest->id, interest_name(interest),
                                                interest->is_pattern ? PLUG_INTEREST_PATTERN : 0};
}

static bool batch_copy_names(struct batch *batch)
{
  size_t bytes = 0;
  for (size_t i = 0; i < batch->n; i++)
    bytes += batch->v[i].topic.len;
  char *at = batch->names = malloc(bytes ? bytes : 1);
  if (!at)
    return false;
  for (size_t i = 0; i < batch->n; i++) {
    struct plug_str *topic = &batch->v[i].topic;
    memcpy(at, topic->ptr, topic->len);
    topic->ptr = at;
    at += topic->len;
  }
  return true;
}

/* The backend is away or slow, as against: it refuses this very interest. */
static bool is_passing(plug_status status)
{
  return status == PLUG_EUNAVAIL || status == PLUG_ECANCELED || status == PLUG_ETIMEDOUT ||
         status == PLUG_ESTATE || status == PLUG_ENOMEM;
}

/* A client can have hundreds refused in a second. */
static void log_refusal(struct interest_sync *sync, const struct interest *interest,
                        plug_status status, struct plug_str detail)
{
  uint64_t held;
  char more[LOG_HELD_MAX];
  if (log_limit_pass_some(&sync->refused_limit, REFUSED_LINES, REFUSED_PERIOD_MS, &held))
    log_error(instance_name(sync->instance), "cannot subscribe '%.*s': status %d %.*s%s",
              (int)utf8_cut(interest->name, interest_name(interest).len, 80), interest->name,
              status, STR_ARG(detail), log_held(held, more));
}

/* The plugin has not taken the interest, and may yet. */
static void ask_later(struct interest_sync *sync, struct interest *interest)
{
  bool unwanted = interest->unanswered;
  set_unanswered(sync, interest, false);
  if (unwanted && interest_retire(sync->table, interest)) {
    set_restoring(sync, interest, false);
    interest_free(interest);
  } else if (list_empty(&interest->ask)) {
    list_append(&sync->ask, &interest->ask);
  }
}

/* Gives the members their answer; the batch itself stays. */
static void batch_finish(struct batch *batch, plug_status status, struct plug_str detail)
{
  struct interest_sync *sync = batch->sync;
  if (status == PLUG_EAGAIN)
    status = PLUG_OK; /* accepted, but the backend is slow */
  if (!batch->subscribe) {
    for (size_t i = 0; i < batch->n; i++)
      interest_free(batch->members[i]);
    return;
  }
  bool ask_again = status != PLUG_OK && (is_passing(status) || batch->n > 1);
  /* A batch that was refused as a whole is asked again one by one, to find the culprit. */
  bool alone = ask_again && !is_passing(status);
  for (size_t i = 0; i < batch->n; i++) {
    struct interest *interest = batch->members[i];
    interest->in_flight = false;
    interest->alone |= alone;
    if (ask_again) {
      ask_later(sync, interest);
      continue;
    }
    if (status != PLUG_OK)
      log_refusal(sync, interest, status, detail);
    set_restoring(sync, interest, false);
    set_unanswered(sync, interest, false);
    interest_answer(sync->table, interest, status); /* whose change says what nobody wants */
  }
  if (ask_again && is_passing(status))
    arm(sync, RETRY_MS);
}

/* The deadline has passed, but the plugin still has the batch: what it says of it in the end is how
 * it is, and to ask again meanwhile would leave two answers of which nobody could say which is the
 * later. Clients are told now; those whose topic is being restored wait, and the node with them. */
static void give_up_waiting(struct batch *batch)
{
  struct interest_sync *sync = batch->sync;
  uint64_t held;
  char more[LOG_HELD_MAX];
  batch->owed = true;
  if (log_limit_pass(&sync->refused_limit, REFUSED_PERIOD_MS, &held))
    log_error(instance_name(sync->instance),
              "has not answered a subscribe of %zu topics within %" PRIu64
              " ms: it is not asked for them again until it does%s",
              batch->n, sync->timeout_ms, log_held(held, more));
  for (size_t i = 0; i < batch->n; i++) {
    batch->members[i]->owed = true;
    if (!batch->members[i]->restoring)
      interest_answer(sync->table, batch->members[i], PLUG_ETIMEDOUT);
  }
}

/* An interest that nobody wants any more, but that the plugin has taken after all. */
static bool is_to_unsubscribe(const struct interest *interest, plug_status status)
{
  return interest->orphan && status == PLUG_OK;
}

static void settle_debt(struct batch *batch, plug_status status)
{
  struct interest_sync *sync = batch->sync;
  struct batch *back = NULL;
  if (status == PLUG_EAGAIN)
    status = PLUG_OK;
  for (size_t i = 0; i < batch->n; i++) {
    struct interest *interest = batch->members[i];
    interest->owed = interest->in_flight = false;
    if (interest->orphan)
      set_unanswered(sync, interest, false);
    if (is_to_unsubscribe(interest, status) && sync->up && !sync->stopping &&
        (back || (back = batch_new(sync, false, batch->n)))) {
      batch_add(back, interest);
    } else if (interest->orphan) {
      interest_free(interest);
    } else if (status == PLUG_OK) {
      set_restoring(sync, interest, false);
      set_unanswered(sync, interest, false);
      interest_answer(sync->table, interest, PLUG_OK);
    } else if (interest->restoring) {
      ask_later(sync, interest);
      arm(sync, RETRY_MS);
    }
  }
  if (back)
    batch_give_back(back);
}

static void on_batch_done(void *arg, plug_status status, struct plug_str detail)
{
  struct batch *batch = arg;
  struct interest_sync *sync = batch->sync;
  bool retry_later = is_passing(status);
  if (batch->subscribe)
    sync->n_asking -= batch->n;
  if (batch->subscribe && status == PLUG_ETIMEDOUT && str_eq(detail, STR(OP_TIMEOUT_DETAIL))) {
    give_up_waiting(batch);
    return;
  }
  batch_finish(batch, status, detail);
  if (!retry_later)
    pump(sync);
}

/* Returns the plugin's answer, PLUG_PENDING included. */
static plug_status batch_call(struct batch *batch)
{
  struct interest_sync *sync = batch->sync;
  const struct plug_broker *plugin = instance_broker(sync->instance);
  struct plug_op *op = batch_copy_names(batch)
                           ? op_new(sync->instance, sync->timeout_ms, on_batch_done, batch)
                           : NULL;
  if (!op) {
    batch_finish(batch, PLUG_ENOMEM, str_from(NULL, 0));
    batch_free(batch);
    return PLUG_ENOMEM;
  }
  op_on_release(op, on_batch_release);
  bool subscribe = batch->subscribe;
  size_t n = batch->n;
  if (subscribe)
    sync->n_asking += n;
  struct instance_call measured;
  plug_status (*call)(void *, const struct plug_interest *, size_t, struct plug_op *) =
      subscribe ? plugin->subscribe : plugin->unsubscribe;
  instance_call_begin(&measured, sync->instance, subscribe ? "subscribe" : "unsubscribe");
  plug_status status = op_offered(op, call(instance_self(sync->instance), batch->v, n, op));
  instance_call_end(&measured);
  if (status != PLUG_PENDING) {
    if (subscribe)
      sync->n_asking -= n;
    batch_finish(batch, status, str_from(NULL, 0));
    batch_free(batch);
  }
  return status;
}

static void batch_give_back(struct batch *batch)
{
  if (batch->n && batch->sync->up) {
    batch_call(batch);
    return;
  }
  batch_finish(batch, PLUG_OK, str_from(NULL, 0)); /* a backend that is away forgets by itself */
  batch_free(batch);
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
      if (container_of(node, struct interest, ask)->alone)
        return n ? n : 1;
      if (++n == BATCH_MAX)
        return n;
    }
  return n;
}

static void pump(struct interest_sync *sync)
{
  if (sync->pumping)
    return; /* a plugin that reports its state from inside subscribe: the loop below goes on */
  sync->pumping = true;
  while (sync->up && !sync->stopping && next_to_ask(sync, 0)) {
    struct batch *batch = batch_new(sync, true, next_batch(sync));
    if (!batch) {
      arm(sync, RETRY_MS);
      break;
    }
    struct list *node;
    while (batch->n < batch->cap && (node = next_to_ask(sync, batch->n))) {
      struct interest *interest = container_of(node, struct interest, ask);
      if (interest->alone && batch->n)
        break;
      list_remove(node);
      if (!plugin_takes(sync, interest)) {
        set_restoring(sync, interest, false);
        interest_answer(sync->table, interest, PLUG_ENOTSUP);
        continue;
      }
      batch_add(batch, interest);
      if (interest->alone) {
        interest->alone = false;
        break;
      }
    }
    if (batch->n == 0) {
      batch_free(batch);
      continue;
    }
    if (is_passing(batch_call(batch)))
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
  if (log_limit_pass(&sync->unused_limit, REFUSED_PERIOD_MS, &held))
    log_warn(instance_name(sync->instance),
             "has not answered for %zu topics that nobody wants any more: over [limits] "
             "max-unused-topics no further topic is subscribed%s",
             sync->n_unanswered, log_held(held, more));
  return false;
}

void interest_sync_changes(struct interest_sync *sync)
{
  struct interest *next, *interest = interest_take_changes(sync->table);
  for (; interest; interest = next) {
    next = interest_next_change(interest);
    enum interest_change change = interest_judge(sync->table, interest);
    grace_remove(sync, interest);
    set_unanswered(sync, interest, false);
    switch (change) {
    case INTEREST_CHANGE_SUBSCRIBE:
      if (!interest->owed && !may_ask(sync)) {
        interest_answer(sync->table, interest, PLUG_EUNAVAIL);
        break;
      }
      if (list_empty(&interest->link))
        list_append(&sync->known, &interest->link);
      if (interest->owed) {
        interest_answer(sync->table, interest, PLUG_ETIMEDOUT);
        break;
      }
      if (list_empty(&interest->ask) && !interest->in_flight)
        list_append(&sync->fresh, &interest->ask);
      break;
    case INTEREST_CHANGE_UNUSED:
      if (interest->in_flight)
        set_unanswered(sync, interest, true);
      else
        grace_add(sync, interest);
      break;
    case INTEREST_CHANGE_GONE:
      set_restoring(sync, interest, false);
      if (interest->owed) {
        list_remove(&interest->link);
        interest->orphan = true;
        set_unanswered(sync, interest, true);
      } else {
        interest_free(interest);
      }
      break;
    case INTEREST_CHANGE_WANTED:
    case INTEREST_CHANGE_NONE:
      break;
    }
  }
  if (sync->n_grace > sync->max_unused)
    retire_expired(sync);
  pump(sync);
}

static bool is_over(const struct interest_sync *sync, const struct interest *interest,
                    size_t before, uint64_t now)
{
  return interest->grace_until_ms <= now || sync->n_grace - before > sync->max_unused;
}

/* How many are to go, at most a batch. */
static size_t count_expired(const struct interest_sync *sync, uint64_t now)
{
  size_t n = 0;
  for (const struct list *node = sync->grace.next; node != &sync->grace && n < BATCH_MAX;
       node = node->next, n++)
    if (!is_over(sync, container_of(node, struct interest, grace), n, now))
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
    struct interest *interest = container_of(node, struct interest, grace);
    if (!is_over(sync, interest, 0, now)) {
      arm(sync, interest->grace_until_ms - now);
      break;
    }
    if (!batch && !(batch = batch_new(sync, false, count_expired(sync, now)))) {
      arm(sync, RETRY_MS);
      return;
    }
    grace_remove(sync, interest);
    if (!interest_retire(sync->table, interest))
      continue; /* wanted again: a change says so, or will */
    set_restoring(sync, interest, false);
    list_remove(&interest->link);
    list_remove(&interest->ask);
    batch_add(batch, interest);
    if (batch->n == batch->cap) {
      batch_give_back(batch);
      batch = NULL;
    }
  }
  if (batch)
    batch_give_back(batch);
}

static void on_timer(uv_timer_t *timer)
{
  struct interest_sync *sync = timer->data;
  if (sync->stopping)
    return;
  retire_expired(sync);
  pump(sync);
}

void interest_sync_state(struct interest_sync *sync, bool up, bool lost)
{
  sync->up = up;
  if (lost) {
    /* Newest first: the sessions that came last are the ones that wait for a receipt. */
    for (struct list *node = sync->known.prev; node != &sync->known; node = node->prev) {
      struct interest *interest = container_of(node, struct interest, link);
      bool asking = interest->in_flight || !list_empty(&interest->ask);
      if (!asking && interest_ask_again(sync->table, interest)) {
        list_append(&sync->ask, &interest->ask);
        set_restoring(sync, interest, true);
      }
    }
  }
  pump(sync);
}
