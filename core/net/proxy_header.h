/* The header that a proxy puts in front of a connection to say who the client is: the PROXY
 * protocol, versions 1 and 2, as HAProxy's specification of it defines them. No I/O. Owns nothing.
 * Any thread. */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "net/peer.h"

/* More than that is not looked at: version 1 has at most 107 bytes, version 2 a length of its own,
 * of which extensions (TLS details, names) take some hundred. */
#define PROXY_HEADER_MAX 1024

enum proxy_result { PROXY_MORE, PROXY_DONE, PROXY_BAD };

struct proxy_header {
  size_t len;           /* bytes that it takes */
  bool has_peer;        /* false: the proxy speaks for itself (LOCAL, UNKNOWN, a health check) */
  struct net_peer peer; /* the client's address */
};

/* bytes: all that has come. PROXY_BAD: this is no such header, or a broken one. */
enum proxy_result proxy_header_read(const char *bytes, size_t len, struct proxy_header *header);

#endif
