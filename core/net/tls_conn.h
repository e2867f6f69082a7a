/* A connection whose TLS handshake is under way. Owns its socket until that is over; then the
 * connection that its door is for begins. Handshakes are expensive: who has something to say stands
 * in line, and of the line a turn serves as many as the settings say, after everything else.
 * Worker's thread only. */
#ifndef NET_TLS_CONN_H
#define NET_TLS_CONN_H

#include "net/admit.h"

/* As conn_new. False when out of memory: fd is the caller's then. */
bool tls_conn_new(struct net_env *env, const struct door *door, int fd, struct watch *former,
                  const struct net_peer *peer, bool counted, uint64_t opened_ms);

/* For the worker's turn, at its end. True: it has done something, and another turn follows at once.
 */
bool tls_conns_step(struct net_env *env);
/* Cuts all off. */
void tls_conns_cut(struct net_env *env);

#endif
