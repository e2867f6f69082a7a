/* What a new connection has shown before its first STOMP frame, for the auth plugins
 * (access/handshake.h). Owns nothing. Worker's thread. */
#ifndef NET_SHOWN_H
#define NET_SHOWN_H

#include "access/handshake.h"
#include "net/peer.h"
#include "net/tls_stream.h"
#include "websocket/ws_upgrade.h"

/* head: NULL for a connection without a request; upgrade: NULL for one without a handshake; tls:
 * NULL for one without TLS. NULL when out of memory. */
struct handshake *shown_take(const struct http_head *head, const struct ws_upgrade *upgrade,
                             const struct net_peer *peer, const struct tls_stream *tls);

#endif
