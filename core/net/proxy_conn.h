/* A connection of a proxy that has yet to say, by the PROXY protocol, who its client is. Owns its
 * socket until then. Worker's thread only. */
#ifndef NET_PROXY_CONN_H
#define NET_PROXY_CONN_H

#include "net/admit.h"

/* Takes over fd. False when out of memory: fd is the caller's then. */
bool proxy_conn_new(struct net_env *env, const struct door *door, int fd,
                    const struct net_peer *peer);
/* Cuts all off. */
void proxy_conns_cut(struct net_env *env);

#endif
