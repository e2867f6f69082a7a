/* One session of this node in one room: whether it is counted as a member, what has been asked of
 * the presence service for it, what its new subscriptions get for themselves, and how long it
 * lingers. Counted by the map and by the answers that are awaited; owns its texts. Home thread
 * only.
 *
 *   new --> take part: find its user, join --> ... --> linger --> give up: leave
 *                                               ^          |
 *                                               +----------+ another subscription
 */
#ifndef WATCH_SEAT_H
#define WATCH_SEAT_H

#include "watch_room.h"

struct watch_seat {
  struct name_entry entry; /* by the session's number and the room, in text */
  struct watch_rooms *rooms;
  struct watch_room *room;
  struct watch_seat *next, *prev;     /* of the room */
  struct watch_seat *later, *earlier; /* of those that linger */
  unsigned refs;                      /* the map's, and answers that are awaited */
  size_t n_subscriptions;
  bool counted, asked, joined, lingers, given_up;
  bool is_asked_for; /* whether its user is there is being found out, for WATCH_JOIN */
  bool was_there;
  uint64_t leave_at_ms;
  struct watch_snapshot *snapshots; /* until it has joined */
  struct plug_member member;        /* its texts are in text; info is for free() */
  char *info;
  char *info_there; /* of its user, when was_there */
  size_t info_there_len;
  char text[];
};

/* NULL: out of memory. */
struct watch_seat *watch_seat_new(struct watch_rooms *rooms, struct watch_room *room,
                                  const struct plug_app_event *event);
void watch_seat_unref(struct watch_seat *seat);
struct watch_seat *watch_seat_find(const struct watch_rooms *rooms, uint64_t session,
                                   struct plug_str topic);

/* Remembers that the event's subscription is to get something, if the section says so. */
void watch_seat_add_snapshot(struct watch_seat *seat, const struct plug_app_event *event);
/* A subscription that has ended waits for nothing: else one client could make ever more wait, and
 * its next subscription of that id would get as many. */
void watch_seat_drop_snapshot(struct watch_seat *seat, const struct plug_app_event *event);
/* The room is watched: its events are heard from now on. */
void watch_seat_take_part(struct watch_seat *seat);

void watch_seat_linger(struct watch_seat *seat);
void watch_seat_end_linger(struct watch_seat *seat);
/* It leaves the room, and with the last seat the room is left alone. tell: the presence service. */
void watch_seat_give_up(struct watch_seat *seat, bool tell);

#endif
