/* The taps of a connection by the interests that they are for. Owns them. One thread at a time. */
#ifndef NATS_TAPS_H
#define NATS_TAPS_H

#include "nats_gate.h"
#include "nats_queue.h"

struct nats_taps {
  struct nats_taps_entry **slots;
  size_t n_slots, n, n_subjects;
};

/* NULL, or why the interest cannot be listened to; then nothing of it stays. */
const char *nats_taps_add(struct nats_taps *taps, struct nats_gate *gate, natsConnection *nc,
                          const char *prefix, const struct nats_item *item);
void nats_taps_remove(struct nats_taps *taps,
                      uint64_t interest); /* one that is not there: nothing */
void nats_taps_clear(struct nats_taps *taps);

#endif
