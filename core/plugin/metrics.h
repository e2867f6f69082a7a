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

extern const struct plug_metrics metrics_table;

#endif
