/* What the load generator is asked to do: its command line. Owns nothing, the texts are those of
 * argv. One thread. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "load_process.h"

struct options {
  unsigned port, publish_port, subscribers, topics, publishers, idle, idle_topics, in_flight;
  unsigned parallel, sources, heartbeat_ms, storm;
  size_t body;
  double duration_s, warmup_s, rate, stall_s, hold_s, pause_s;
  bool busy, bulk, subscribe_pairs, silent, json, tls, late;
  const char *protocol, *carrier, *path, *login, *passcode, *tokens, *topic;
  pid_t pids[PROCESS_PIDS_MAX];
  size_t n_pids;
};

/* Ends the program when the command line is wrong, or asks for help. */
void options_parse(int argc, char **argv, struct options *options);

#endif
