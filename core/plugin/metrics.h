/* Counters and gauges of an instance: the host's half of "plug.host.metrics/1". Owns them for the
 * life of the instance. Made during create, added to and read on any thread. */
#ifndef PLUGIN_METRICS_H
#define PLUGIN_METRICS_H

#include <plugboard/ext/metrics.h>

#include "base/list.h"

struct metrics {
  struct list all; /* complete when create returns, read-only afterwards */
};

void metrics_init(struct metrics *metrics);
void metrics_fini(struct metrics *metrics);

/* Visits all, under the names that the plugin gave. [any] */
typedef void (*metrics_fn)(void *ctx, const char *name, const char *help, int is_gauge,
                           int64_t value);
void metrics_each(const struct metrics *metrics, metrics_fn fn, void *ctx);

extern const struct plug_metrics metrics_table;

#endif
