#include "ops/sources.h"

#include <string.h>

void ops_totals_read(const struct ops_sources *sources, struct ops_totals *out)
{
  *out = (struct ops_totals){0};
  for (unsigned w = 0; w < sources->n_workers; w++) {
    const struct worker *worker = &sources->workers[w];
    uint64_t load = atomic_load_explicit(&worker->inbox.load, memory_order_relaxed);
    out->inbox_messages += inbox_load_items(load);
    out->inbox_bytes += inbox_load_bytes(load);
    for (size_t door = 0; door < 1 + sources->settings->n_endpoints; door++)
      for (unsigned t = 0; t < CARRIED_BY_COUNT; t++) {
        const struct census_cell *cell = &worker->env.census.doors[door][t];
        out->by_transport[t] += atomic_load_explicit(&cell->open, memory_order_relaxed);
        out->carried += atomic_load_explicit(&cell->total, memory_order_relaxed);
      }
  }
}

struct plug_str ops_broker_name(const struct ops_sources *sources)
{
  const char *name = instance_name(broker_instance(sources->broker));
  const char *dot = strchr(name, '.');
  return str_of(dot ? dot + 1 : name);
}
