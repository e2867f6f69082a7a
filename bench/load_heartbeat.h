/* Heart-beats of many connections, spread evenly over the period. Owns nothing. One thread. */
#ifndef BENCH_LOAD_HEARTBEAT_H
#define BENCH_LOAD_HEARTBEAT_H

#include "load_conn.h"

struct heartbeat {
  struct load *load;
  uint64_t period_ns, start_ns;
  uint64_t n_sent;
};

/* Starts when all connections are there; they take turns in the order they were opened. */
void heartbeat_start(struct heartbeat *heartbeat, struct load *load, unsigned period_ms);

/* Sends those that are due. Returns the time of the next. */
uint64_t heartbeat_run(struct heartbeat *heartbeat);

#endif
