/* Who is let in: a new socket is counted, and becomes the connection that its door is for, or is
 * told why not. What is refused here has cost an accept and nothing else. Owns nothing. Worker's
 * thread only. */
#ifndef NET_ADMIT_H
#define NET_ADMIT_H

#include "config/cidr.h"
#include "net/carrier.h"
#include "net/env.h"
#include "net/mount.h"
#include "net/peer.h"

/* What one comes in by: an address that is listened on. */
struct door {
  const struct carrier *carrier; /* NULL: HTTP, whose requests say what they want */
  const struct cidr_list *trusted_proxies;
  bool proxy_protocol; /* these say by it who their clients are */
  bool shared;         /* all workers accept from one socket */
  bool local;          /* a Unix socket */
  bool tls;
  uint8_t kind; /* of HTTP, what is to be had: enum door_kind */
};

/* Whom it trusts, and how frames are written there, as the settings have it for a door of this
 * kind: one with a carrier is a door of [tcp]. */
void door_set(struct door *door, const struct settings *settings);

/* An accepted socket; takes it over. */
void admit_socket(struct net_env *env, const struct door *door, int fd,
                  const struct net_peer *peer);

/* Begins the connection of a client whose address is known, on a socket that is counted among all
 * and watched by former, or by nobody. Ends the socket if it may not come in. */
void admit_client(struct net_env *env, const struct door *door, int fd, struct watch *former,
                  const struct net_peer *peer, uint64_t opened_ms);

/* The same once TLS has been agreed upon (former has it), or there is none. counted: in the limits
 * of the peer's address. refusal: NULL, or a sentence, with which the connection ends; without TLS.
 */
void admit_ready(struct net_env *env, const struct door *door, int fd, struct watch *former,
                 const struct net_peer *peer, bool counted, uint64_t opened_ms,
                 const char *refusal);

/* Counts a connection from there. False: there are too many, or they come too fast. */
bool admit_address(struct net_env *env, const struct net_peer *peer);

#endif
