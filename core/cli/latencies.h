/* Latencies: a histogram with logarithmic buckets (at most 1 % wide). Shared with bench/. Owns its
 * counts. One thread. */
#ifndef CLI_LATENCIES_H
#define CLI_LATENCIES_H

#include <stdint.h>

enum { LATENCIES_SUB_BITS = 7, LATENCIES_BUCKETS = (64 - LATENCIES_SUB_BITS + 1) << 7 };

struct latencies {
  uint64_t counts[LATENCIES_BUCKETS];
  uint64_t n, sum, max;
};

static inline void latencies_add(struct latencies *h, uint64_t value)
{
  unsigned bucket = (unsigned)value;
  if (value >> LATENCIES_SUB_BITS) {
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - LATENCIES_SUB_BITS;
    bucket = ((shift + 1) << LATENCIES_SUB_BITS) +
             (unsigned)((value >> shift) - (1U << LATENCIES_SUB_BITS));
  }
  h->counts[bucket]++;
  h->n++;
  h->sum += value;
  if (value > h->max)
    h->max = value;
}

/* The value below which the given share (0..1) of all values lies; 0 when there are none. */
uint64_t latencies_quantile(const struct latencies *h, double share);

#endif
