/* Where a client's token is: which headers, cookies and parameters are looked at, in which order.
 * No I/O. Constant after create. Any thread. */
#ifndef JWT_SOURCE_H
#define JWT_SOURCE_H

#include <plugboard/auth.h>
#include <stdbool.h>

enum jwt_source {
  JWT_SOURCE_HEADER,    /* of the STOMP frame */
  JWT_SOURCE_PASSCODE,  /* likewise */
  JWT_SOURCE_HANDSHAKE, /* a header of the WebSocket handshake */
  JWT_SOURCE_COOKIE,    /* likewise */
  JWT_SOURCE_QUERY,     /* of the handshake's target */
  JWT_N_SOURCES
};

struct jwt_sources {
  size_t n;
  enum jwt_source v[JWT_N_SOURCES];                 /* in the order in which they are asked */
  char *header, *handshake_header, *cookie, *query; /* names */
};

/* "header, passcode". *bad is the element that is no source, or comes twice. */
bool jwt_sources_parse(struct jwt_sources *sources, struct plug_str list, struct plug_str *bad);
bool jwt_sources_have(const struct jwt_sources *sources, enum jwt_source source);

/* The first token; ptr is NULL when there is none. Points into the request. */
struct plug_str jwt_sources_find(const struct jwt_sources *sources,
                                 const struct plug_auth_request *request);

#endif
