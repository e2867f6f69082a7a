/* One room with a session of this node: what it is named, and what all its subscribers are told of
 * joins and leaves, now or when max-events allows. Counted by its seats and by the answers that are
 * awaited; owns its texts and the event that waits. Home thread only. */
#ifndef WATCH_ROOM_H
#define WATCH_ROOM_H

#include "watch_events.h"
#include "watch_rooms.h"
#include "watch_snapshot.h"

#define WATCH_TICK_MS 50 /* how late an event that waits may be */

struct watch_room {
  struct name_entry entry; /* by the watched destination, in text */
  const struct watch_section *section;
  unsigned refs; /* seats, and answers that are awaited */
  bool watched;  /* the answer to watch is there */
  bool is_listing, waits;
  struct watch_room *next_waiting;
  struct watch_seat *seats;
  struct watch_snapshot *snapshots; /* for whom a list is to be asked */
  struct watch_events events;
  char *destination;
  size_t destination_len;
  char *variables_text;
  struct plug_str variables[PLUG_APP_VARIABLES_MAX];
  char text[];
};

/* Belongs to nobody yet: refs is 0. NULL: out of memory, or the destination cannot be made. */
struct watch_room *watch_room_new(struct watch_rooms *rooms, const struct watch_section *section,
                                  struct plug_str topic, const struct plug_str *variables,
                                  const char *variables_text);
void watch_room_unref(struct watch_rooms *rooms, struct watch_room *room);
struct watch_room *watch_room_find(const struct watch_rooms *rooms, struct plug_str topic);

/* The event's text for free(), or NULL. */
char *watch_room_make_event(const struct watch_room *room, const struct watch_event *event,
                            size_t *len, struct route_refusal *refusal);
/* Tells of it, or lets it wait. */
void watch_room_changed(struct watch_rooms *rooms, struct watch_room *room,
                        const struct plug_presence_change *change);
/* Tells what has waited long enough, in all rooms. */
void watch_room_send_waiting(struct watch_rooms *rooms, uint64_t now_ms);

#endif
