/* The address of who is at the other end of a socket, small enough to keep for each. Plain data:
 * any thread. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct net_peer {
  uint8_t address[16]; /* IPv6; IPv4 as ::ffff:a.b.c.d */
  uint16_t port;
};

/* What accept and getpeername give; zeros for other families. */
void net_peer_read(struct net_peer *peer, const struct sockaddr *address);

#define NET_PEER_TEXT_MAX 56
/* "127.0.0.1:4711", "[::1]:4711"; the length. */
size_t net_peer_text(const struct net_peer *peer, char out[NET_PEER_TEXT_MAX]);

#endif
