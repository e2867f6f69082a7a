/* A connection from within: what the half that reads, and knows its life and its deadlines
 * (conn.c), needs of the one that writes (conn_send.c). Private to these. Worker's thread only. */
#ifndef NET_CONN_INNER_H
#define NET_CONN_INNER_H

#include "net/conn.h"

/* The socket has room again. */
void conn_on_writable(struct conn *conn);
/* What the socket took in part is not written on. */
void conn_drop_partial(struct conn *conn);
/* Has the kernel sent, or taken, anything since that was last asked? */
bool conn_made_progress(struct conn *conn);

#endif
