/* The rooms that this node watches: who is there, on all nodes together, kept in memory by what the
 * backend says of each change. Finds gaps and new epochs, asks for the whole list then, and tells
 * the difference only. Owns the rooms and their users. No I/O, no clock. Control thread only.
 *
 *   watch --> watched --> list --> known: changes are told in the order of their positions
 *                          ^          |
 *                          +----------+ a gap (at once); a new epoch, or the backend has lost
 *                                       members (after settle_ms, when all nodes have joined again)
 */
#ifndef PRESENCE_ROOMS_H
#define PRESENCE_ROOMS_H

#include "base/map.h"
#include "presence/presence_backend.h"

struct rooms {
  const struct presence_backend *backend;
  uint64_t max, settle_ms;
  struct map map;                      /* struct room.by_topic */
  struct list todo, settling, refused; /* struct room.todo */
  size_t n_under_way;
  uint64_t settled_at_ms, refused_until_ms;
  struct presence_retry retry;
  uint64_t n_users, n_changes, n_lists, n_failed;
};

struct room_user {
  struct map_entry by_name;
  size_t info_len;
  char text[]; /* name, then info */
};

struct room {
  struct map_entry by_topic;
  struct rooms *rooms;
  struct list todo;
  struct list waits;    /* for a list */
  struct list watchers; /* the owner's */
  size_t n_watchers;    /* 0: it goes at the next pump */
  bool watched, known, stale, under_way, is_listing;
  struct map users; /* struct room_user.by_name */
  struct plug_position pos;
  /* what comes while it is listed */
  struct map listed;
  bool has_total, broken;
  uint64_t listed_users;
  struct plug_position listed_pos;
  struct list changes;
  size_t n_changes;
  char topic[];
};

static inline struct plug_str room_topic(const struct room *room)
{
  return room->by_topic.key;
}

static inline struct plug_str room_user_info(const struct room_user *user)
{
  return (struct plug_str){user->text + user->by_name.key.len, user->info_len};
}

void rooms_init(struct rooms *rooms, const struct presence_backend *backend, uint64_t max,
                uint64_t settle_ms);
void rooms_fini(struct rooms *rooms); /* nobody waits, and nothing is under way */

struct room *rooms_find(const struct rooms *rooms, struct plug_str topic); /* NULL: not watched */
/* One more watcher. NULL with *status: PLUG_ETOOBIG, PLUG_ENOMEM. */
struct room *rooms_watch(struct rooms *rooms, struct plug_str topic, plug_status *status);
void rooms_unwatch(struct room *room);
/* Answered at the end of the first attempt to list it. */
void rooms_wait(struct room *room, struct presence_wait *wait);

void rooms_changed(struct rooms *rooms, const struct plug_presence_change *change, uint64_t now_ms);
void rooms_lost(struct rooms *rooms, uint64_t now_ms);

void rooms_pump(struct rooms *rooms, uint64_t now_ms);
uint64_t rooms_next_ms(const struct rooms *rooms);

/* A list's answer, before it is released. */
void rooms_user(struct room *room, struct plug_str user, struct plug_str info);
void rooms_total(struct room *room, uint64_t users, struct plug_position pos);
/* Of a watch or a list. */
void rooms_answered(struct room *room, plug_status status);
void rooms_released(struct room *room, plug_status status, uint64_t now_ms);

#endif
