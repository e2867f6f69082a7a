/* Latencies: a histogram with logarithmic buckets (at most 1 % wide). Shared with bench/. Owns its
 * counts. One thread. */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 7, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << 7 };

struct histogram {
  uint64_t counts[HISTOGRAM_BUCKETS];
  uint64_t n, sum, max;
};

static inline void histogram_add(struct histogram *h, uint64_t value)
{
  unsigned bucket = (unsigned)value;
  if (value >> HISTOGRAM_SUB_BITS) {
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    bucket = ((shift + 1) << HISTOGRAM_SUB_BITS) +
             (unsigned)((value >> shift) - (1U << HISTOGRAM_SUB_BITS));
  }
  h->counts[bucket]++;
  h->n++;
  h->sum += value;
  if (value > h->max)
    h->max = value;
}

/* The value below which the given share (0..1) of all values lies; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *h, double share);

#endif
