/* The counters of the server and of its plugins, written to the log. Owns nothing. The thread that
 * waits for signals. */
#ifndef STATS_H
#define STATS_H

#include "access/chain.h"
#include "plugin/instance.h"

struct stats_sources {
  struct plugin_instance *broker;
  const struct chain *access, *app; /* or NULL */
};

/* As many lines as they need: "stats 1/2 name=value ...", "stats 2/2 ...". */
void stats_log(const struct stats_sources *sources);

#endif
