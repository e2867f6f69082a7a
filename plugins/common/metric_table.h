/* A plugin's metrics, as a table that names and describes them. Owns nothing: the metrics are the
 * host's. [create]. */
#ifndef METRIC_TABLE_H
#define METRIC_TABLE_H

#include <stdbool.h>

#include <plugboard/ext/metrics.h>

struct metric_row {
  const char *name, *help;
  bool is_gauge;
};

/* Makes out[i] of rows[i]. NULL, and nothing is made: the host has no metrics. */
const struct plug_metrics *metric_table_make(const struct plug_host *host,
                                             const struct metric_row *rows, size_t n,
                                             struct plug_metric **out);

#endif
