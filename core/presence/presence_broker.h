/* Between presence and the broker's plugin: the backend of members and rooms
 * ("plug.broker.presence/1"), made of operations of the plugin, and what the plugin says of itself.
 * Owns nothing. Control thread only, but for presence_broker_init. */
#ifndef PRESENCE_BROKER_H
#define PRESENCE_BROKER_H

#include "presence/presence_ask.h"

/* [start] Has the broker a table of presence? One that is incomplete is logged, and none. */
bool presence_broker_has(const struct plugin_instance *broker);
/* [start] Fills in presence->plugin and presence->backend, but for tell, and takes the broker's
 * upcalls. */
void presence_broker_init(struct presence *presence);
/* Another broker from here on: as if the backend had lost everything. */
void presence_broker_change(struct presence *presence, struct plugin_instance *broker);
/* A list of a room that nobody watches goes straight to who has asked for it. False: out of memory.
 */
bool presence_broker_list(struct presence_ask *ask);

#endif
