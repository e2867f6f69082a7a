/* What a worker counts by the prefix of a topic: the configured ones, one for user destinations,
 * one for all others, so that no client makes them more. Owns the counts, not the prefixes.
 * Worker's thread, but for what is tagged. */
#ifndef HUB_HUB_PREFIXES_H
#define HUB_HUB_PREFIXES_H

#include <stdatomic.h>

#include "hub/destination.h"

enum { HUB_PREFIX_OTHER, HUB_PREFIX_USER, HUB_PREFIX_FIRST, HUB_PREFIXES_MAX = 32 };

struct hub_prefixes {
  struct destination_prefixes configured; /* those behind the last place count as others */
  struct {
    _Atomic int64_t subscriptions, delivered;
  } counts[HUB_PREFIXES_MAX];
};

/* [any] As many as there are to be read, from HUB_PREFIX_OTHER on. */
static inline unsigned hub_prefixes_count(const struct hub_prefixes *prefixes)
{
  size_t n = HUB_PREFIX_FIRST + prefixes->configured.n;
  return n < HUB_PREFIXES_MAX ? (unsigned)n : HUB_PREFIXES_MAX;
}

/* Which of them a topic or pattern belongs to: the longest. */
uint8_t hub_prefixes_find(const struct hub_prefixes *prefixes, struct plug_str topic);

static inline void hub_prefixes_add(_Atomic int64_t *count, int64_t n)
{
  atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
                        memory_order_relaxed);
}

static inline void hub_prefixes_subscribed(struct hub_prefixes *prefixes, uint8_t prefix, int n)
{
  hub_prefixes_add(&prefixes->counts[prefix].subscriptions, n);
}

static inline void hub_prefixes_delivered(struct hub_prefixes *prefixes, uint8_t prefix, uint32_t n)
{
  hub_prefixes_add(&prefixes->counts[prefix].delivered, n);
}

#endif
