/* The libwebsockets protocols of a worker's virtual host and their callback, which turns events
 * into calls of conn.h and http.h. Owns the per-connection pointer. Worker's thread only. */
#ifndef NET_CALLBACKS_H
#define NET_CALLBACKS_H

#include <libwebsockets.h>

/* Ended by an empty entry, as libwebsockets wants it. The context's user pointer is the worker. */
extern const struct lws_protocols callbacks_protocols[];

#endif
