#include "broker/interest_batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/utf8.h"
#include "plugin/op.h"

#define REFUSED_PERIOD_MS 10000
#define REFUSED_LINES     10 /* of a period: who subscribes to a few topics is told of each */

struct batch *batch_new(struct interest_sync *sync, bool subscribe, size_t cap)
{
  struct batch *batch = malloc(sizeof *batch + cap * sizeof batch->v[0]);
  if (!batch)
    return NULL;
  batch->members = malloc(cap * sizeof *batch->members);
  if (!batch->members) {
    free(batch);
    return NULL;
  }
  list_init(&batch->link);
  batch->sync = sync;
  batch->subscribe = subscribe;
  batch->owed = false;
  batch->n = 0;
  batch->cap = cap;
  batch->names = NULL;
  return batch;
}

void batch_free(struct batch *batch)
{
  list_remove(&batch->link);
  free(batch->names);
  free(batch->members);
  free(batch);
}

static void settle_debt(struct batch *batch, plug_status status);

static void on_batch_release(void *arg, plug_status status, struct plug_str detail)
{
  struct batch *batch = arg;
  (void)detail;
  if (batch->sync && batch->owed)
    settle_debt(batch, status);
  batch_free(batch);
}

void batch_add(struct batch *batch, struct interest *interest)
{
  struct interest_sync *sync = batch->sync;
  /* Nobody wants it, but what the plugin says of it comes before its grace period. */
  if (!list_empty(&HOLD(sync, interest)->grace)) {
    interest_sync_no_grace(sync, interest);
    set_unanswered(sync, interest, true);
  }
  HOLD(sync, interest)->held = HOLD(sync, interest)->in_flight = true;
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

bool batch_is_passing(plug_status status)
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
  bool unwanted = HOLD(sync, interest)->unanswered;
  set_unanswered(sync, interest, false);
  if (unwanted && interest_group_retire(sync, interest)) {
    interest_sync_release(sync, interest);
  } else if (list_empty(&HOLD(sync, interest)->ask)) {
    list_append(&sync->ask, &HOLD(sync, interest)->ask);
  }
}

/* An interest that nobody wants any more is answered; what the plugin has taken after all it is to
 * give back. */
static void bury(const struct batch *batch, struct interest *interest, plug_status status,
                 struct batch **back)
{
  struct interest_sync *sync = batch->sync;
  set_unanswered(sync, interest, false);
  if (status == PLUG_OK && sync->up && !sync->stopping &&
      (*back || (*back = batch_new(sync, false, batch->n))))
    batch_add(*back, interest);
  else
    interest_sync_release(sync, interest);
}

/* Gives the members their answer; the batch itself stays. */
static void batch_finish(struct batch *batch, plug_status status, struct plug_str detail)
{
  struct interest_sync *sync = batch->sync;
  if (status == PLUG_EAGAIN)
    status = PLUG_OK; /* accepted, but the backend is slow */
  if (!batch->subscribe) {
    for (size_t i = 0; i < batch->n; i++)
      interest_sync_release(sync, batch->members[i]);
    return;
  }
  struct batch *back = NULL;
  bool ask_again = status != PLUG_OK && (batch_is_passing(status) || batch->n > 1);
  /* A batch that was refused as a whole is asked again one by one, to find the culprit. */
  bool alone = ask_again && !batch_is_passing(status);
  for (size_t i = 0; i < batch->n; i++) {
    struct interest *interest = batch->members[i];
    HOLD(sync, interest)->in_flight = false;
    HOLD(sync, interest)->alone |= alone;
    if (HOLD(sync, interest)->orphan) {
      bury(batch, interest, status, &back);
      continue;
    }
    if (ask_again) {
      ask_later(sync, interest);
      continue;
    }
    if (status != PLUG_OK)
      log_refusal(sync, interest, status, detail);
    set_restoring(sync, interest, false);
    set_unanswered(sync, interest, false);
    interest_group_answer(sync, interest, status); /* whose change says what nobody wants */
  }
  if (back)
    batch_give_back(back);
  if (ask_again && batch_is_passing(status))
    interest_sync_arm(sync, BATCH_RETRY_MS);
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
    HOLD(sync, batch->members[i])->owed = true;
    if (!HOLD(sync, batch->members[i])->restoring)
      interest_group_answer(sync, batch->members[i], PLUG_ETIMEDOUT);
  }
}

static void settle_debt(struct batch *batch, plug_status status)
{
  struct interest_sync *sync = batch->sync;
  struct batch *back = NULL;
  if (status == PLUG_EAGAIN)
    status = PLUG_OK;
  for (size_t i = 0; i < batch->n; i++) {
    struct interest *interest = batch->members[i];
    HOLD(sync, interest)->owed = HOLD(sync, interest)->in_flight = false;
    if (HOLD(sync, interest)->orphan) {
      bury(batch, interest, status, &back);
    } else if (status == PLUG_OK) {
      set_restoring(sync, interest, false);
      set_unanswered(sync, interest, false);
      interest_group_answer(sync, interest, PLUG_OK);
    } else if (HOLD(sync, interest)->restoring) {
      ask_later(sync, interest);
      interest_sync_arm(sync, BATCH_RETRY_MS);
    }
  }
  if (back)
    batch_give_back(back);
}

static void on_batch_done(void *arg, plug_status status, struct plug_str detail)
{
  struct batch *batch = arg;
  struct interest_sync *sync = batch->sync;
  bool retry_later = batch_is_passing(status);
  if (!sync)
    return;
  if (batch->subscribe)
    sync->n_asking -= batch->n;
  if (batch->subscribe && status == PLUG_ETIMEDOUT && str_eq(detail, STR(OP_TIMEOUT_DETAIL))) {
    give_up_waiting(batch);
    return;
  }
  batch_finish(batch, status, detail);
  if (!retry_later)
    interest_sync_pump(sync);
}

/* Returns the plugin's answer, PLUG_PENDING included. */
plug_status batch_call(struct batch *batch)
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
  list_append(&sync->batches, &batch->link);
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

void batch_give_back(struct batch *batch)
{
  if (batch->n && batch->sync->up) {
    batch_call(batch);
    return;
  }
  batch_finish(batch, PLUG_OK, str_from(NULL, 0)); /* a backend that is away forgets by itself */
  batch_free(batch);
}
