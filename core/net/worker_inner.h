/* A worker from within: what its turn and its life (worker.c) need of its end (worker_end.c), which
 * comes in the steps that net/worker.h tells of. Private to these. */
#ifndef NET_WORKER_INNER_H
#define NET_WORKER_INNER_H

#include "net/worker.h"

/* What others order it to do: one after the other, some perhaps left out. */
enum worker_command { COMMAND_RUN, COMMAND_SHUT, COMMAND_PART, COMMAND_QUIET, COMMAND_STOP };

/* [start] */
void worker_end_init(struct worker *worker);
void worker_end_fini(struct worker *worker);

/* [worker] The steps, each at most once. */
void worker_end_shut(struct worker *worker);
void worker_end_quiet(struct worker *worker);
void worker_end_sessions(struct worker *worker);

#endif
