/* Who of this node's sessions is in which room, and what a room is told. A session that subscribes
 * takes a SEAT in the room, however many subscriptions it has there; the seat is given up some time
 * after the last of them has ended. Owns seats and rooms. Home thread only.
 *
 *   first subscription --> room: watch --> seat: join --> snapshot to the subscriber
 *   last one gone --> linger --> leave; with the last seat: unwatch
 */
#ifndef WATCH_ROOMS_H
#define WATCH_ROOMS_H

#include "name_map.h"
#include "watch_env.h"
#include "watch_section.h"

/* The seats of one section that are given up soon, the first to go first. */
struct watch_seat;
struct watch_queue {
  struct watch_seat *first, *last;
};

struct watch_rooms {
  struct watch_env env;
  struct name_map rooms, seats;
  struct watch_room *waiting;    /* rooms with an event that waits */
  struct watch_queue *lingering; /* by section */
  const struct watch_section *sections;
  size_t n_sections;
};

bool watch_rooms_init(struct watch_rooms *rooms, const struct plug_host *host,
                      const struct watch_section *sections, size_t n_sections);
bool watch_rooms_start(struct watch_rooms *rooms);
void watch_rooms_drain(struct watch_rooms *rooms); /* what waits for its time is sent now */
void watch_rooms_stop(struct watch_rooms *rooms);
void watch_rooms_fini(struct watch_rooms *rooms);

void watch_rooms_event(struct watch_rooms *rooms, const struct plug_app_event *event);
void watch_rooms_changed(struct watch_rooms *rooms, const struct plug_presence_change *change);

#endif
