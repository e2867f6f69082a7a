/* How often somebody may: one bucket per key, so many messages in so long a time, with bursts of as
 * many. Bounded: when all places are taken, one of those that have been used least makes room. No
 * lock: one thread at a time. */
#ifndef ROUTE_RATE_H
#define ROUTE_RATE_H

#include <plugboard/abi.h>
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
};

/* What is to be taken from a bucket. */
struct route_take {
  struct route_bucket *bucket; /* the key's, or the one that makes room for it */
  struct route_bucket after;
};

bool route_rate_init(struct route_rate *rate, uint64_t n, uint64_t period_ms, size_t keys);
void route_rate_fini(struct route_rate *rate);

/* May one be taken from the bucket of this key? If so route_rate_take does it, as long as nothing
 * else is taken from this rate in between. */
bool route_rate_check(const struct route_rate *rate, struct plug_str key, uint64_t now_us,
                      struct route_take *take);
void route_rate_take(const struct route_take *take);

#endif
