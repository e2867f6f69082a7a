/* A storm: connected clients that are cut off and all come back at once, while messages go on to
 * the others. Owns its connections, which have a thread of their own: what is delivered meanwhile
 * is taken first, and does not look late because the generator was busy with handshakes. The
 * thread that receives runs in real time if the system lets it, or else the storm's only when
 * nobody else wants to. Functions are called by the receiving thread. */
#ifndef BENCH_LOAD_STORM_H
#define BENCH_LOAD_STORM_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "load_conn.h"

struct storm {
  struct load load;
  unsigned n; /* 0: there is none */
  uint32_t topic;
  pthread_t thread;
  sem_t connected, begin;
  bool begun;
  /* 0: not yet. From the first that is cut off; the first that comes back; until all are served. */
  _Atomic uint64_t cut_ns, start_ns, end_ns;
};

/* Opens the n connections, which subscribe to that topic, as those of like are opened; returns when
 * all are served. */
void storm_prepare(struct storm *storm, const struct load *like, unsigned n, uint32_t topic);
/* Breaks it; it takes its course. */
void storm_begin(struct storm *storm);
static inline bool storm_is_over(const struct storm *storm)
{
  return atomic_load(&storm->end_ns) != 0;
}

/* What was at a time: nothing; clients were cut off, which counts as neither; they came back. */
enum storm_phase { STORM_CALM, STORM_CUT, STORM_BACK };
enum storm_phase storm_phase_at(const struct storm *storm, uint64_t time_ns);

void storm_free(struct storm *storm);

#endif
