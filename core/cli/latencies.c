#include "cli/latencies.h"

static uint64_t bucket_middle(unsigned bucket)
{
  unsigned shift = bucket >> LATENCIES_SUB_BITS;
  uint64_t low = bucket & ((1U << LATENCIES_SUB_BITS) - 1);
  if (shift == 0)
    return low;
  shift--;
  low = (low + (1U << LATENCIES_SUB_BITS)) << shift;
  return low + (UINT64_C(1) << shift) / 2;
}

uint64_t latencies_quantile(const struct latencies *h, double share)
{
  uint64_t rank = (uint64_t)(share * (double)h->n), seen = 0;
  for (unsigned i = 0; i < LATENCIES_BUCKETS; i++) {
    seen += h->counts[i];
    if (seen > rank) {
      uint64_t middle = bucket_middle(i);
      return middle < h->max ? middle : h->max;
    }
  }
  return h->max;
}
