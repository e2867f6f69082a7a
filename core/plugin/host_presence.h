/* "plug.broker.presence/1", the server's half: checks, and passes on to whoever listens. Owns
 * nothing. On the home thread; from others it is a violation. */
#ifndef PLUGIN_HOST_PRESENCE_H
#define PLUGIN_HOST_PRESENCE_H

#include <plugboard/ext/presence.h>

extern const struct plug_broker_presence_up host_presence_table;

#endif
