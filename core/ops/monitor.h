/* The thread that watches over the server: it calls the roll of workers and control thread, tells
 * the service manager that they live, and how the server is. Owns its thread. Functions are
 * [start], the main thread's, but for those that are tagged. */
#ifndef OPS_MONITOR_H
#define OPS_MONITOR_H

#include "ops/rollcall.h"
#include "ops/sources.h"
#include "plugin/loop.h"

struct monitor {
  const struct ops_sources *sources;
  struct rollcall rollcall;
  pthread_t thread;
  pthread_mutex_t lock; /* protects the flags, and the roll while it is called */
  pthread_cond_t changed;
  bool made, running, ending, stopping;
  uint64_t within_ms; /* how often the service manager wants to hear of it; 0: never */
  /* of the control thread */
  struct loop_task task;
  _Atomic bool asked;
  _Atomic uint64_t rounds;
};

/* Before workers run: then others may ask. */
void monitor_init(struct monitor *monitor, const struct ops_sources *sources);
/* Workers and control thread run. False: no thread. The service manager is told that the server is
 * ready. */
bool monitor_start(struct monitor *monitor);
/* Threads end from here on, and are not asked any more; somebody else limits how long it takes. */
void monitor_stopping(struct monitor *monitor);
/* [any] Returns when the monitor is between two looks at the server. */
void monitor_pass(struct monitor *monitor);
/* Before the workers are taken apart; also when it was not started. */
void monitor_stop(struct monitor *monitor);
/* Nobody asks any more; also when it was not made. */
void monitor_fini(struct monitor *monitor);

/* [any] Why the process should be started anew; false: all is well. */
bool monitor_hangs(struct monitor *monitor, char *reason, size_t size);

#endif
