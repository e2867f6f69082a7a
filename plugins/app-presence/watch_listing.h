/* Lists of members that have been asked for, at the backend: for all new subscriptions of a room
 * that wait at once, or for a request. Owns what is under way. Home thread only. */
#ifndef WATCH_LISTING_H
#define WATCH_LISTING_H

#include "watch_room.h"

/* One list for all who wait at the room, unless one is under way: then another one follows it. */
void watch_listing_begin(struct watch_rooms *rooms, struct watch_room *room);
/* Answers op with the list of members, at once or later. */
plug_status watch_listing_request(struct watch_rooms *rooms, const struct watch_section *section,
                                  const struct plug_app_request *request, struct plug_op *op);

#endif
