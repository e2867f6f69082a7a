#include "route_rate.h"

#include <stdlib.h>
#include <sys/random.h>

#define WAYS 8 /* places that a key may be in */

bool route_rate_init(struct route_rate *rate, uint64_t n, uint64_t period_ms, size_t keys)
{
  size_t buckets = WAYS;
  while (buckets < keys)
    buckets *= 2;
  *rate = (struct route_rate){.n = n, .period_us = period_ms * 1000, .n_buckets = buckets};
  if (getrandom(&rate->seed, sizeof rate->seed, 0) != (ssize_t)sizeof rate->seed)
    return false;
  rate->buckets = calloc(buckets, sizeof *rate->buckets);
  return rate->buckets != NULL;
}

void route_rate_fini(struct route_rate *rate)
{
  free(rate->buckets);
  rate->buckets = NULL;
}

/* FNV-1a from a seed, finished by a mixer. */
static uint64_t hash_key(const struct route_rate *rate, struct plug_str key)
{
  uint64_t h = rate->seed ^ UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < key.len; i++)
    h = (h ^ (unsigned char)key.ptr[i]) * UINT64_C(0x100000001b3);
  h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
  return (h ^ h >> 29) | 1;
}

static struct route_bucket *find(const struct route_rate *rate, uint64_t hash)
{
  struct route_bucket *set = &rate->buckets[(hash >> 8 & (rate->n_buckets - 1)) / WAYS * WAYS];
  struct route_bucket *least = set;
  for (size_t i = 0; i < WAYS; i++) {
    if (set[i].hash == hash)
      return &set[i];
    if (set[i].full_us < least->full_us)
      least = &set[i];
  }
  return least;
}

bool route_rate_check(const struct route_rate *rate, struct plug_str key, uint64_t now_us,
                      struct route_take *take)
{
  uint64_t hash = hash_key(rate, key), each = rate->period_us / rate->n;
  struct route_bucket *bucket = find(rate, hash);
  uint64_t full = bucket->hash == hash && bucket->full_us > now_us ? bucket->full_us : now_us;
  *take = (struct route_take){.bucket = bucket, .after = {.hash = hash, .full_us = full + each}};
  return full + each <= now_us + rate->period_us;
}

void route_rate_take(const struct route_take *take)
{
  *take->bucket = take->after;
}
