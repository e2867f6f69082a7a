/* All metrics of the node, in the text format of Prometheus: counters, gauges of workers,
 * endpoints, transports, prefixes and the broker, histograms, those of plugins, of the process.
 * Every label has as many values as the configuration says, and none that a client could add to.
 * Reads what threads count for themselves, and stops none of them. Any thread. */
#ifndef OPS_METRICS_H
#define OPS_METRICS_H

#include "base/buf.h"
#include "ops/monitor.h"
#include "ops/sources.h"

void metrics_write(const struct ops_sources *sources, struct monitor *monitor, struct buf *out);

#endif
