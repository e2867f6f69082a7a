/* What applications call: "plug.host.presence/1", each function in the name of the instance that
 * calls. Owns the watchers of rooms, which say which application watches one and how often. Control
 * thread only, but for presence_apps_free. */
#ifndef PRESENCE_APPS_H
#define PRESENCE_APPS_H

#include "presence/presence_inner.h"

extern const struct plug_presence presence_apps_table;

/* Tells those who watch the room; as tell in presence_backend.h. */
void presence_apps_tell(void *ctx, struct room *room, const struct plug_presence_change *change);
/* [main] Its members leave, unless another instance has joined them, too; it watches nothing any
 * more, and what it waits for is answered. False: the control thread was not reached; try again,
 * and keep the instance until then. */
bool presence_apps_forget(void *presence, struct plugin_instance *instance);
/* [start] The watchers of all rooms. */
void presence_apps_free(struct presence *presence);

#endif
