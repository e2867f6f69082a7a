/* Publishing at the least cost to the generator: ready-made blocks of messages, each ended by one
 * that the server answers; or subscribing and unsubscribing in the same way. It is for messages
 * that nobody receives, so no delivery is checked; that every message was taken is known from the
 * answers. Owns nothing. One thread. */
#ifndef BENCH_LOAD_BULK_H
#define BENCH_LOAD_BULK_H

#include "load_conn.h"

enum { BULK_BLOCKS = 2 }; /* unanswered per publisher: the server has the next while it answers */

struct bulk {
  struct conn *conn;
  const struct bytes *block;
  size_t at;           /* sent of the block under way; 0: none is */
  uint64_t sent, done; /* blocks */
};

/* The block of one connection: n subscriptions to these topics in turn, each ended at once. */
void bulk_put_pairs(struct bytes *block, const struct protocol *protocol, char *const *topics,
                    unsigned n_topics, unsigned n);

/* Sends what the socket takes. Returns the number of blocks that were answered since. */
uint64_t bulk_drive(struct bulk *bulk, bool start_new);

#endif
