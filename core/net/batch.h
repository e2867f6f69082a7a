/* Several frames joined for one send. Sessions that wait for the same frames, as the subscribers of
 * a busy topic do, get the same copy. Owns the copy and references to the frames it was made of, so
 * that a freed frame's address cannot be mistaken for a new one's. Worker's thread only. */
#ifndef NET_BATCH_H
#define NET_BATCH_H

#include "base/buf.h"
#include "base/str.h"
#include "hub/outq.h"

#define BATCH_FRAMES_MAX 256

struct batch {
  struct frame *frames[BATCH_FRAMES_MAX];
  uint32_t n;
  struct buf bytes;
};

/* The first frames of the queue (at least two are in it) up to max_bytes and max_frames, joined;
 * without their WebSocket headers for TCP. Only the first when out of memory. */
struct plug_str batch_get(struct batch *batch, const struct outq *queue, bool tcp, size_t max_bytes,
                          uint32_t max_frames, uint32_t *n_frames);
/* At the end of a turn: lets go of the frames, keeps the memory. */
void batch_reset(struct batch *batch);
void batch_fini(struct batch *batch);

#endif
