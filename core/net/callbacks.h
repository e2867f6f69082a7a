/* The libwebsockets protocols of a worker's virtual host and their callback, which turns events
 * into calls of conn.h and http.h. Owns the per-connection pointer. Worker's thread only. */
#ifndef NET_CALLBACKS_H
#define NET_CALLBACKS_H

#include <libwebsockets.h>

/* How much one read takes at most. A burst of SENDs that comes in one read goes out in one write
 * per subscriber. libwebsockets adds LWS_PRE and some to what it allocates. */
#define CALLBACKS_RX_BYTES  65536
#define CALLBACKS_RX_MARGIN 64

/* The protocol of plain TCP connections. */
#define CALLBACKS_TCP "plain tcp"

/* Ended by an empty entry, as libwebsockets wants it. The context's user pointer is the worker. */
extern const struct lws_protocols callbacks_protocols[];

#endif
