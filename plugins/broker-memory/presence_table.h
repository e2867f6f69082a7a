/* Who is in which room of this one node: members, the users that they are of, and the numbers of
 * changes. Owns the rooms and all in them. No I/O; tells changes while it makes them. Its owner's
 * thread.
 *
 * A room goes when nobody is in it and nobody watches it; one that comes again has another epoch,
 * for its numbers start anew. */
#ifndef PRESENCE_TABLE_H
#define PRESENCE_TABLE_H

#include <plugboard/ext/presence.h>

#include "name_map.h"

struct presence_table {
  struct name_map topics;
  uint64_t last_epoch;
  /* A change of a room that is watched. */
  void (*changed)(void *ctx, const struct plug_presence_change *change);
  void *ctx;
};

void presence_table_init(struct presence_table *table,
                         void (*changed)(void *ctx, const struct plug_presence_change *change),
                         void *ctx);
void presence_table_fini(struct presence_table *table);

/* All or, when out of memory, none. */
plug_status presence_table_join(struct presence_table *table, const struct plug_member *v,
                                size_t n);
void presence_table_leave(struct presence_table *table, const struct plug_member *v, size_t n);
plug_status presence_table_watch(struct presence_table *table, struct plug_str topic);
void presence_table_unwatch(struct presence_table *table, struct plug_str topic);

struct presence_total {
  uint64_t users, members;
  struct plug_position pos;
};
/* user(ctx, ...) for each; then how many there are. */
struct presence_total presence_table_list(const struct presence_table *table, struct plug_str topic,
                                          void (*user)(void *ctx, struct plug_str user,
                                                       struct plug_str info, uint64_t members),
                                          void *ctx);

#endif
