/* What a new connection has shown, for the auth plugins (access/handshake.h). Worker's thread. */
#ifndef NET_HANDSHAKE_TAKE_H
#define NET_HANDSHAKE_TAKE_H

#include <libwebsockets.h>
#include <stdbool.h>

#include "access/handshake.h"

/* NULL when out of memory. */
struct handshake *handshake_take(struct lws *wsi, int fd, bool is_websocket);

#endif
