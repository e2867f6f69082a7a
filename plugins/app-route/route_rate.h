/* How often somebody may: one bucket per key, so many messages in so long a time, with bursts of as
 * many. Bounded: when all places are taken, one of those that have been used least makes room. A
 * lock protects the table; nothing is called under it. Any thread. */
#ifndef ROUTE_RATE_H
#define ROUTE_RATE_H

#include <plugboard/abi.h>
#include <pthread.h>
#include <stdbool.h>

struct route_bucket {
  uint64_t hash;
  uint64_t full_us; /* when the bucket is as if it had never been used; 0: a free place */
};

struct route_rate {
  uint64_t n, period_us;
  struct route_bucket *buckets;
  size_t n_buckets; /* a power of two */
  uint64_t seed;
  pthread_mutex_t lock; /* of buckets */
};

bool route_rate_init(struct route_rate *rate, uint64_t n, uint64_t period_ms, size_t keys);
void route_rate_fini(struct route_rate *rate);

/* Takes one from the bucket of this key; false: it is empty. */
bool route_rate_take(struct route_rate *rate, struct plug_str key, uint64_t now_us);

#endif
