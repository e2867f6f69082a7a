/* The counters of the server and of its plugins, written to the log. Owns nothing. The thread that
 * waits for signals. */
#ifndef OPS_STATS_H
#define OPS_STATS_H

#include "ops/sources.h"

/* As many lines as they need: "stats 1/2 name=value ...", "stats 2/2 ...". */
void stats_log(const struct ops_sources *sources);

#endif
