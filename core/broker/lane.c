#include "broker/lane.h"

#include <pthread.h>
#include <stdlib.h>

#include "message/message.h"

#define ITEMS_FIRST 64
/* A batch with more memory than that was one of a bad time, and is not kept. */
#define KEEP_BYTES  (1u << 20)
#define KEEP_ITEMS  8192
#define SPARES_MAX  4
/* They come back in the order in which they went, long after they were looked at. */
#define AHEAD       8

struct lane {
  const struct lane_calls *calls;
  void *self;
  pthread_mutex_t lock; /* protects what follows; held while a message is encoded */
  struct lane_batch *filling;
  struct lane_batch *spares;
  unsigned n_spares;
  uint64_t number;
  /* home */
  struct lane_batch *oldest, *newest;
};

static struct lane_batch *batch_new(void)
{
  struct lane_batch *batch = calloc(1, sizeof *batch);
  if (!batch)
    return NULL;
  batch->cap = ITEMS_FIRST;
  batch->items = malloc(batch->cap * sizeof *batch->items);
  if (batch->items)
    return batch;
  free(batch);
  return NULL;
}

static void batch_free(struct lane_batch *batch)
{
  for (size_t i = batch->at; i < batch->n; i++)
    message_unref(batch->items[i].msg);
  buf_free(&batch->encoded);
  free(batch->items);
  free(batch);
}

struct lane *lane_new(const struct lane_calls *calls, void *self)
{
  struct lane *lane = calloc(1, sizeof *lane);
  if (!lane)
    return NULL;
  lane->calls = calls;
  lane->self = self;
  pthread_mutex_init(&lane->lock, NULL);
  return lane;
}

static void free_all(struct lane_batch *batch)
{
  while (batch) {
    struct lane_batch *next = batch->next;
    batch_free(batch);
    batch = next;
  }
}

void lane_free(struct lane *lane)
{
  if (!lane)
    return;
  free_all(lane->filling);
  free_all(lane->spares);
  free_all(lane->oldest);
  pthread_mutex_destroy(&lane->lock);
  free(lane);
}

/* Under the lock. */
static struct lane_batch *filling(struct lane *lane)
{
  if (lane->filling)
    return lane->filling;
  lane->filling = lane->spares;
  if (lane->filling) {
    lane->spares = lane->filling->next;
    lane->filling->next = NULL;
    lane->n_spares--;
  } else {
    lane->filling = batch_new();
  }
  return lane->filling;
}

static bool make_room(struct lane_batch *batch)
{
  if (batch->n < batch->cap)
    return true;
  struct lane_item *items = realloc(batch->items, batch->cap * 2 * sizeof *items);
  if (!items)
    return false;
  batch->items = items;
  batch->cap *= 2;
  return true;
}

plug_status lane_put(struct lane *lane, const struct plug_msg *msg, const struct publish_to *to,
                     bool *first)
{
  plug_status status = PLUG_ENOMEM;
  pthread_mutex_lock(&lane->lock);
  struct lane_batch *batch = filling(lane);
  if (batch && make_room(batch))
    status = lane->calls->encode(lane->self, &batch->encoded, lane->number, msg);
  if (status == PLUG_OK) {
    message_ref(msg);
    batch->items[batch->n] = (struct lane_item){.msg = msg, .number = lane->number++, .to = *to};
    *first = batch->n++ == 0;
    status = PLUG_PENDING;
  }
  pthread_mutex_unlock(&lane->lock);
  return status;
}

struct lane_batch *lane_take(struct lane *lane)
{
  pthread_mutex_lock(&lane->lock);
  struct lane_batch *batch = lane->filling;
  if (batch && batch->n)
    lane->filling = NULL;
  else
    batch = NULL; /* one for which there was nothing but an error */
  pthread_mutex_unlock(&lane->lock);
  return batch;
}

plug_status lane_hand_over(struct lane *lane, struct lane_batch *batch, const struct lane_up *up,
                           void *ctx)
{
  const struct plug_str encoded = {batch->encoded.data, batch->encoded.len};
  plug_status status = lane->calls->hand_over(lane->self, encoded, up, ctx);
  if (status != PLUG_PENDING)
    return status;
  batch->encoded.len = 0;
  if (lane->newest)
    lane->newest->next = batch;
  else
    lane->oldest = batch;
  lane->newest = batch;
  return PLUG_PENDING;
}

void lane_give_back(struct lane *lane, struct lane_batch *batch)
{
  bool keep = batch->encoded.cap <= KEEP_BYTES && batch->cap <= KEEP_ITEMS;
  batch->next = NULL;
  batch->n = batch->at = batch->encoded.len = 0;
  if (keep) {
    pthread_mutex_lock(&lane->lock);
    keep = lane->n_spares < SPARES_MAX;
    if (keep) {
      batch->next = lane->spares;
      lane->spares = batch;
      lane->n_spares++;
    }
    pthread_mutex_unlock(&lane->lock);
  }
  if (!keep)
    batch_free(batch);
}

const struct lane_item *lane_first(const struct lane *lane)
{
  const struct lane_batch *batch = lane->oldest;
  return batch ? &batch->items[batch->at] : NULL;
}

struct lane_item lane_next(struct lane *lane)
{
  struct lane_batch *batch = lane->oldest;
  const struct lane_item item = batch->items[batch->at++];
  if (batch->at + AHEAD <= batch->n)
    message_prefetch(batch->items[batch->at + AHEAD - 1].msg);
  if (batch->at == batch->n) {
    lane->oldest = batch->next;
    if (!lane->oldest)
      lane->newest = NULL;
    lane_give_back(lane, batch);
  }
  return item;
}
