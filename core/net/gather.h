/* Asks all workers of the node something, one after the other: data belongs to its worker, and so
 * the question goes there. Whoever asks embeds a gather in what it collects into, which each worker
 * has to itself while it is asked. What takes long is done in steps, between which the worker does
 * its other work. The asker's thread, but for the callbacks. */
#ifndef NET_GATHER_H
#define NET_GATHER_H

#include "hub/inbox.h"

struct net_env;

/* All workers of the node. [start] fills it, read-only afterwards. */
#define NET_CREW_MAX 64
struct net_crew {
  struct net_env *envs[NET_CREW_MAX];
  unsigned n;
};

struct gather {
  /* On the thread of env's worker, which has not been asked before or (after a false) has had a
   * turn since. True: it has said all it has to say. */
  bool (*step)(struct gather *gather, struct net_env *env);
  /* On the asker's thread, once, when all have been asked; the gather is the asker's again. After
   * the workers have ended it is the main thread, and so are step's. */
  void (*done)(struct gather *gather, struct net_env *env);
  /* private */
  struct inbox_call call;
  const struct net_crew *crew;
  struct net_env *asker;
  unsigned at;                                /* the worker that is asked; crew->n: the asker */
  struct inbox_item *items[NET_CREW_MAX + 1]; /* made before, so that it certainly comes back */
};

/* step and done are set. False: out of memory, nothing is called. */
bool gather_start(struct gather *gather, struct net_env *asker);

#endif
