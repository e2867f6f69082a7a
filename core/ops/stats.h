/* The counters of the server and of its plugins, written to the log, and when. Owns nothing. The
 * thread that waits for signals. */
#ifndef OPS_STATS_H
#define OPS_STATS_H

#include "ops/sources.h"

/* As many lines as they need: "stats 1/2 name=value ...", "stats 2/2 ...". */
void stats_log(const struct ops_sources *sources);
/* What [server] stats-format wants every now and then: these, or Spring's line. */
void stats_tell(const struct ops_sources *sources, const struct settings *settings);

/* When. The time comes as an argument. */
struct stats_rhythm {
  uint64_t interval_ms; /* 0: never */
  uint64_t next_ms;
};
void stats_rhythm_init(struct stats_rhythm *rhythm, const struct settings *settings,
                       uint64_t now_ms);
/* UINT64_MAX: never. */
uint64_t stats_rhythm_wait_ms(const struct stats_rhythm *rhythm, uint64_t now_ms);
/* They have been told. */
void stats_rhythm_next(struct stats_rhythm *rhythm, uint64_t now_ms);

#endif
