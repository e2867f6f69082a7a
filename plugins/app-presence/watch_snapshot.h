/* Those who are to get something for themselves, a list or the join of their user: which
 * subscription of which session. Owns their entries. Home thread only. */
#ifndef WATCH_SNAPSHOT_H
#define WATCH_SNAPSHOT_H

#include "watch_env.h"

struct watch_snapshot {
  struct watch_snapshot *next;
  uint64_t session;
  size_t len;
  char subscription[];
};

/* Without memory it is left out. */
void watch_snapshots_add(struct watch_snapshot **list, uint64_t session,
                         struct plug_str subscription);
/* The newest of that subscription, if there is one. */
void watch_snapshots_drop(struct watch_snapshot **list, uint64_t session,
                          struct plug_str subscription);
/* Puts all of from before those of to. */
void watch_snapshots_move(struct watch_snapshot **to, struct watch_snapshot **from);
void watch_snapshots_free(struct watch_snapshot **list);
/* The text, as a message to the destination, to each of them. */
void watch_snapshots_send(const struct watch_snapshot *list, const struct watch_env *env,
                          const struct watch_section *section, struct plug_str destination,
                          struct plug_str text);

#endif
