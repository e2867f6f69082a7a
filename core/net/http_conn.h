/* A connection as it comes in on an HTTP address: a socket that is read strictly, answered, kept
 * for the next request, or handed on as a WebSocket once a handshake has been judged. Owns its
 * socket until then, and bytes only while a head is incomplete or an answer is not out. Worker's
 * thread only. */
#ifndef NET_HTTP_CONN_H
#define NET_HTTP_CONN_H

#include "net/env.h"
#include "net/peer.h"

/* Takes over fd, and the place of former in the poller unless that is NULL. counted: in the limits
 * of the peer's address; those of a proxy's clients are counted when they ask for a WebSocket.
 * False when out of memory: fd is the caller's then. */
bool http_conn_new(struct net_env *env, int fd, struct watch *former, const struct net_peer *peer,
                   bool counted, uint64_t opened_ms);

/* Ends all that wait for a request, and the others with the answer that is on its way. */
void http_conns_drain(struct net_env *env);
/* Cuts all off. */
void http_conns_cut(struct net_env *env);

#endif
