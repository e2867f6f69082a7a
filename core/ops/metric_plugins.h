/* What plugins count, as metrics: one family for each name, one sample for each instance in it.
 * Owns nothing. Any thread. */
#ifndef OPS_METRIC_PLUGINS_H
#define OPS_METRIC_PLUGINS_H

#include "ops/metric_text.h"
#include "ops/sources.h"

void metric_plugins_put(struct metric_out *out, const struct ops_sources *sources);

/* The family of a plugin's metric: "plugboard_plugin_NAME", with _total behind a counter, and for
 * names that say _us or _ms in seconds: *us_per_unit is what one of its units is then, else 0. */
#define METRIC_PLUGIN_NAME_MAX 128
void metric_plugin_family(const char *name, bool is_gauge, char out[METRIC_PLUGIN_NAME_MAX],
                          unsigned *us_per_unit);

#endif
