/* Several frames joined for one send. Sessions that wait for the same frames, as the subscribers of
 * a busy topic do, get the same copy. A set holds the copies of one round of sends; it owns them
 * and references to the frames they were made of, so that a freed frame's address cannot be
 * mistaken for a new one's. Worker's thread only. */
#ifndef NET_BATCH_H
#define NET_BATCH_H

#include "base/buf.h"
#include "base/str.h"
#include "hub/outq.h"
#include "net/wire.h"

#define BATCH_FRAMES_MAX 256
#define BATCH_SLOTS      8

struct batch {
  struct frame *frames[BATCH_FRAMES_MAX];
  uint32_t n;
  struct buf bytes;
};

struct batch_set { /* zeroed: empty */
  struct batch slots[BATCH_SLOTS];
  unsigned n_used; /* in this round; the last is the one that is tried again */
};

/* The first frames of the queue (at least two are in it) up to max_bytes, joined as this wire has
 * them; valid until batch_set_reset. Only the first when out of memory. False:
 * every slot is in use; send what was gathered, reset, try again. */
bool batch_set_get(struct batch_set *set, const struct outq *queue, enum wire wire,
                   size_t max_bytes, struct plug_str *bytes, uint32_t *n_frames);
/* The round's sends are done: lets go of the frames, keeps the memory. */
void batch_set_reset(struct batch_set *set);
void batch_set_fini(struct batch_set *set);

#endif
