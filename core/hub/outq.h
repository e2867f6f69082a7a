/* A session's queue towards its client: references to encoded frames, bounded in number and bytes,
 * with a policy for what happens when it is full. Owns its references. Worker's thread only.
 *
 * Queues with something to send stand in the worker's dirty list, which the carrier flushes once
 * per turn of the loop. A burst of messages takes one place as long as the socket takes everything;
 * a blocked queue holds single messages only, so that limits and policies count these. */
#ifndef HUB_OUTQ_H
#define HUB_OUTQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "hub/frame.h"

enum outq_policy { OUTQ_CLOSE, OUTQ_DROP_OLDEST, OUTQ_DROP_NEWEST };

#define OUTQ_INLINE 2 /* an idle session that gets a message now and then allocates nothing */

struct outq {
  struct list dirty;
  struct frame **ring; /* inline_slots, or allocated */
  struct frame *inline_slots[OUTQ_INLINE];
  uint32_t head, count, cap; /* cap is a power of two */
  uint32_t messages;         /* in these: more than count when there are bursts */
  uint32_t n_answers;        /* of count: frames that no policy may drop */
  uint32_t held;             /* bytes that the carrier holds back for a full socket */
  uint32_t burst;            /* the hub's: number of the burst that was last looked at */
  uint32_t pattern_steps;    /* the hub's: taken by its patterns for the message at hand */
  uint64_t bytes;
  int32_t more_bytes; /* that it may hold beyond the limit of all, or less if negative */
  bool blocked;       /* the socket is full: not flushed until the carrier says so */
  bool closed;        /* takes nothing any more */
  bool overflow;      /* the policy says: close the session */
  bool singly;        /* the carrier cannot write bursts as they are */
  bool repeated;      /* the hub's: it gets the burst's messages more than once */
};

struct outq_set { /* one per worker: what all its queues share */
  uint64_t max_bytes, max_frames;
  enum outq_policy policy;
  struct list dirty;
  /* Writes out what the queue holds, as far as the socket takes it. Called amid a fan-out, too: it
   * may set closed or overflow, but must not end the session. */
  void (*flush)(struct outq *q);
};

void outq_init(struct outq *q);
void outq_fini(struct outq *q);
/* Gives back memory that a burst has left; for idle sessions. */
void outq_trim(struct outq *q);

/* Queues a frame (takes a reference of its own) or applies the policy. False if it was dropped. */
bool outq_push(struct outq_set *set, struct outq *q, struct frame *frame);
/* The same for a burst, split where it has to be; returns how many of its messages were queued. */
uint32_t outq_push_burst(struct outq_set *set, struct outq *q, struct frame *burst);
/* Puts single messages in the place of bursts. False when out of memory. */
bool outq_split(struct outq *q);
void outq_mark_dirty(struct outq_set *set, struct outq *q);

static inline struct frame *outq_at(const struct outq *q, uint32_t i)
{
  return q->ring[(q->head + i) & (q->cap - 1)];
}
/* Releases the first n frames. */
void outq_drop_front(struct outq *q, uint32_t n);

#endif
