/* What a connection showed before its first STOMP frame: the peer's address, and for a WebSocket
 * the request. Kept only until the client has been judged. Owns one allocation, which is wiped
 * before it is freed: headers and query may hold credentials. The thread that owns it. */
#ifndef ACCESS_HANDSHAKE_H
#define ACCESS_HANDSHAKE_H

#include <plugboard/auth.h>

struct handshake {
  struct plug_str peer, vhost, path, query, subprotocol, tls_subject;
  const struct plug_kv *headers; /* names in lower case */
  size_t n_headers;
};

/* Copies everything, names turned to lower case. NULL when out of memory. */
struct handshake *handshake_new(const struct handshake *parts);
void handshake_free(struct handshake *handshake); /* NULL is nothing */

#endif
