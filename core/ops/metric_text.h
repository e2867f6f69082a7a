/* Writes metrics in the text format of Prometheus (0.0.4): families with help and type, and samples
 * with labels. Keeps no state beside the buffer; escapes what has to be. Any thread.
 *
 *   metric_family(out, "plugboard_up", "gauge", "help");
 *   metric_name(out, "plugboard_up"); metric_label(out, "broker", name); metric_value(out, 1); */
#ifndef OPS_METRIC_TEXT_H
#define OPS_METRIC_TEXT_H

#include "base/buf.h"
#include "base/histogram.h"

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metric_out {
  struct buf *buf;
  bool has_labels; /* of the sample under way */
};

void metric_family(struct metric_out *out, const char *name, const char *type, const char *help);

/* A sample: its name, labels if it has any, and one of the values. */
void metric_name(struct metric_out *out, const char *name);
void metric_label(struct metric_out *out, const char *key, struct plug_str value);
void metric_label_number(struct metric_out *out, const char *key, uint64_t value);
void metric_value(struct metric_out *out, int64_t value);
void metric_value_us(struct metric_out *out, uint64_t us); /* in seconds */

/* A family with one sample without labels. */
void metric_single(struct metric_out *out, const char *name, const char *type, const char *help,
                   int64_t value);
/* A whole family "name", of times. */
void metric_histogram(struct metric_out *out, const char *name, const char *help,
                      const struct histogram_counts *counts);

#endif
