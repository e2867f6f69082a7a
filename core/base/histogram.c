#include "base/histogram.h"

#include <stdatomic.h>

/* Three a decade, from what a message takes on one node to what nobody waits for any more. */
const uint32_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    50,    100,    250,    500,    1000,    2500,    5000,    10000,   25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

static struct {
  _Alignas(64) _Atomic uint64_t buckets[HISTOGRAM_BOUNDS + 1];
  _Atomic uint64_t sum_us;
} all[HISTOGRAM_COUNT];

static const struct {
  const char *name, *help;
} infos[] = {
#define X(name, help) {#name, help},
    HISTOGRAM_MAP(X)
#undef X
};

void histogram_observe(enum histogram which, uint64_t us)
{
  unsigned i = 0;
  while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
    i++;
  atomic_fetch_add_explicit(&all[which].buckets[i], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&all[which].sum_us, us, memory_order_relaxed);
}

void histogram_read(enum histogram which, struct histogram_counts *out)
{
  uint64_t n = 0;
  for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
    out->up_to[i] = n += atomic_load_explicit(&all[which].buckets[i], memory_order_relaxed);
  out->sum_us = atomic_load_explicit(&all[which].sum_us, memory_order_relaxed);
}

const char *histogram_name(enum histogram which)
{
  return infos[which].name;
}

const char *histogram_help(enum histogram which)
{
  return infos[which].help;
}
