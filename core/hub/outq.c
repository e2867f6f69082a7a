#include "hub/outq.h"

#include <stdlib.h>
#include <string.h>

#include "base/counter.h"

/* A ring of up to this many slots is kept while the session is busy. */
#define KEEP_SLOTS  32
/* More answers than this in a full queue, and the client is not worth waiting for. */
#define ANSWERS_MAX 1000

void outq_init(struct outq *q)
{
  memset(q, 0, sizeof *q);
  list_init(&q->dirty);
  q->ring = q->inline_slots;
  q->cap = OUTQ_INLINE;
}

void outq_fini(struct outq *q)
{
  outq_drop_front(q, q->count);
  list_remove(&q->dirty);
  if (q->ring != q->inline_slots)
    free(q->ring);
  q->ring = q->inline_slots;
  q->cap = OUTQ_INLINE;
  q->closed = true;
}

void outq_trim(struct outq *q)
{
  if (q->count || q->ring == q->inline_slots)
    return;
  free(q->ring);
  q->ring = q->inline_slots;
  q->cap = OUTQ_INLINE;
  q->head = 0;
}

static void outq_set_ring(struct outq *q, struct frame **ring, uint32_t cap)
{
  if (q->ring != q->inline_slots)
    free(q->ring);
  q->ring = ring;
  q->cap = cap;
  q->head = 0;
}

static bool outq_grow(struct outq *q)
{
  uint32_t cap = q->cap < 16 ? 16 : q->cap * 2;
  struct frame **ring = malloc(cap * sizeof *ring);
  if (!ring)
    return false;
  for (uint32_t i = 0; i < q->count; i++)
    ring[i] = outq_at(q, i);
  outq_set_ring(q, ring, cap);
  return true;
}

bool outq_split(struct outq *q)
{
  if (q->messages == q->count)
    return true;
  uint32_t cap = 16, n = 0;
  while (cap < q->messages)
    cap *= 2;
  struct frame **ring = malloc(cap * sizeof *ring);
  if (!ring)
    return false;
  for (uint32_t i = 0; i < q->count; i++)
    if (outq_at(q, i)->n_messages > 1 && !frame_split(outq_at(q, i))) {
      free(ring);
      return false;
    }
  for (uint32_t i = 0; i < q->count; i++) {
    struct frame *frame = outq_at(q, i);
    if (frame->n_messages == 1) {
      ring[n++] = frame;
      continue;
    }
    struct frame *const *parts = frame_split(frame);
    for (uint32_t part = 0; part < frame->n_messages; part++) {
      frame_ref(parts[part]);
      ring[n++] = parts[part];
    }
    frame_unref(frame);
  }
  outq_set_ring(q, ring, cap);
  q->count = q->messages;
  return true;
}

static bool outq_fits(const struct outq_set *set, const struct outq *q, const struct frame *frame)
{
  return q->bytes + q->held + frame->len <= set->max_bytes + (uint64_t)(int64_t)q->more_bytes &&
         (uint64_t)q->messages + frame->n_messages <= set->max_frames;
}

static bool outq_full(const struct outq_set *set, const struct outq *q, const struct frame *frame)
{
  /* One frame always fits, however large: the limit is about what piles up. */
  return q->count + (q->held != 0) > 0 && !outq_fits(set, q, frame);
}

/* Drops the oldest MESSAGE, or the newest; frames that answer the client (RECEIPT, ERROR,
 * CONNECTED) stay. There must be no bursts. */
static bool outq_drop_one(struct outq *q, bool oldest)
{
  if (q->n_answers == q->count)
    return false;
  uint32_t i = oldest ? 0 : q->count - 1;
  while (!outq_at(q, i)->droppable)
    i = oldest ? i + 1 : i - 1;
  struct frame *frame = outq_at(q, i);
  q->bytes -= frame->len;
  if (oldest) {
    for (uint32_t j = i; j > 0; j--)
      q->ring[(q->head + j) & (q->cap - 1)] = outq_at(q, j - 1);
    q->head = (q->head + 1) & (q->cap - 1);
  } else {
    for (uint32_t j = i; j + 1 < q->count; j++)
      q->ring[(q->head + j) & (q->cap - 1)] = outq_at(q, j + 1);
  }
  q->count--;
  q->messages--;
  frame_unref(frame);
  COUNT(dropped_queue);
  return true;
}

/* False if frame is not to be queued. */
static bool outq_make_room(struct outq_set *set, struct outq *q, struct frame *frame)
{
  /* A burst within one turn is not a slow client: the socket may well take it. */
  if (!q->blocked) {
    set->flush(q);
    if (q->closed)
      return false;
    if (!outq_full(set, q, frame))
      return true;
  }
  /* Looking for what may be dropped must not take long, however many answers stand before it. */
  if (set->policy != OUTQ_CLOSE && q->n_answers <= ANSWERS_MAX) {
    bool oldest = set->policy == OUTQ_DROP_OLDEST;
    /* The newest MESSAGE may be the one that comes; an answer takes the place of the one before. */
    if ((oldest || !frame->droppable) && outq_split(q)) {
      while (outq_full(set, q, frame) && outq_drop_one(q, oldest))
        ;
      if (!outq_full(set, q, frame) || q->count == 0)
        return true;
    }
    if (frame->droppable) {
      COUNT(dropped_queue);
      return false;
    }
  }
  /* Either the policy is to close, or the queue is full of answers that may not be dropped. */
  q->overflow = true;
  outq_mark_dirty(set, q);
  return false;
}

static inline bool outq_append(struct outq_set *set, struct outq *q, struct frame *frame)
{
  if (q->count == q->cap && !outq_grow(q)) {
    q->overflow = true;
    outq_mark_dirty(set, q);
    return false;
  }
  q->ring[(q->head + q->count) & (q->cap - 1)] = frame;
  q->count++;
  q->messages += frame->n_messages;
  q->n_answers += !frame->droppable;
  q->bytes += frame->len;
  frame_ref(frame);
  if (!q->blocked)
    outq_mark_dirty(set, q);
  return true;
}

bool outq_push(struct outq_set *set, struct outq *q, struct frame *frame)
{
  if (q->closed || q->overflow)
    return false;
  if (outq_full(set, q, frame) && !outq_make_room(set, q, frame))
    return false;
  return outq_append(set, q, frame);
}

uint32_t outq_push_burst(struct outq_set *set, struct outq *q, struct frame *burst)
{
  if (q->closed || q->overflow)
    return 0;
  if (!q->blocked && !q->singly && outq_fits(set, q, burst))
    return outq_append(set, q, burst) ? burst->n_messages : 0;
  if (burst->n_messages == 1)
    return outq_push(set, q, burst);
  struct frame *const *parts = frame_split(burst);
  if (!parts) {
    q->overflow = true;
    outq_mark_dirty(set, q);
    return 0;
  }
  uint32_t queued = 0;
  for (uint32_t i = 0; i < burst->n_messages; i++)
    queued += outq_push(set, q, parts[i]);
  return queued;
}

void outq_mark_dirty(struct outq_set *set, struct outq *q)
{
  if (q->dirty.next == &q->dirty)
    list_append(&set->dirty, &q->dirty);
}

void outq_drop_front(struct outq *q, uint32_t n)
{
  while (n--) {
    struct frame *frame = q->ring[q->head];
    q->head = (q->head + 1) & (q->cap - 1);
    q->count--;
    q->messages -= frame->n_messages;
    q->n_answers -= !frame->droppable;
    q->bytes -= frame->len;
    frame_unref(frame);
  }
  if (q->count == 0 && q->cap > KEEP_SLOTS)
    outq_trim(q);
}
