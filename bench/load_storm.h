/* A storm: connected clients that are cut off and all come back at once, while messages go on to
 * the others. Owns the list of its connections. One thread.
 *
 * The connections hang on an epoll of their own, inside that of the load, a few of them handled per
 * turn: what is delivered meanwhile must not look late because the generator was busy. */
#ifndef BENCH_LOAD_STORM_H
#define BENCH_LOAD_STORM_H

#include "load_conn.h"

struct storm {
  struct load *load;
  struct conn **conns;
  unsigned n, n_closed, n_opened;
  size_t ready_before;       /* of the load, the storm's connections not counted */
  uint64_t start_ns, end_ns; /* from the first that comes back until all are served; 0: not yet */
};

/* Opens the first n connections, which subscribe to that topic; returns when all are served. */
void storm_prepare(struct storm *storm, struct load *load, unsigned n, uint32_t topic);
/* Does the next few steps. False when all connections are back. */
bool storm_step(struct storm *storm);
/* Whether this was a time at which clients came back. */
bool storm_covers(const struct storm *storm, uint64_t time_ns);
void storm_free(struct storm *storm);

#endif
