#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"

void net_peer_read(struct net_peer *peer, const struct sockaddr *address)
{
  memset(peer, 0, sizeof *peer);
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    ip_set_v4(peer->address, &in.sin_addr);
    peer->port = ntohs(in.sin_port);
  } else if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    memcpy(peer->address, &in6.sin6_addr, 16);
    peer->port = ntohs(in6.sin6_port);
  }
}

size_t net_peer_text(const struct net_peer *peer, char out[NET_PEER_TEXT_MAX])
{
  char text[INET6_ADDRSTRLEN] = "?";
  int n;
  if (ip_is_v4(peer->address)) {
    inet_ntop(AF_INET, peer->address + sizeof ip_v4_prefix, text, sizeof text);
    n = snprintf(out, NET_PEER_TEXT_MAX, "%s:%u", text, peer->port);
  } else {
    inet_ntop(AF_INET6, peer->address, text, sizeof text);
    n = snprintf(out, NET_PEER_TEXT_MAX, "[%s]:%u", text, peer->port);
  }
  return n < 0 ? 0 : (size_t)n;
}
