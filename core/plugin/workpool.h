/* The work pool: a few threads that burn what plugins must not burn at home, such as signatures and
 * password hashes. Owns its threads and the jobs that wait. The threads start with the first job
 * and run at a lower priority than the threads that carry messages. Functions are tagged like those
 * of plugboard/host.h. */
#ifndef PLUGIN_WORKPOOL_H
#define PLUGIN_WORKPOOL_H

#include <plugboard/ext/workpool.h>

#include "plugin/loop.h"

#define WORKPOOL_THREADS_MAX 8

struct workpool;

/* [create] NULL when out of memory. max_waiting: jobs that no thread has begun. */
struct workpool *workpool_new(unsigned n_threads, uint64_t max_waiting);
/* [create] After every instance has stopped; waits for work that is under way. NULL is nothing. */
void workpool_free(struct workpool *pool);

/* The host's half of "plug.host.workpool/1". */
extern const struct plug_workpool workpool_table;

#endif
