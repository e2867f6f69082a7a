/* A request for a SockJS session, once it has been judged: all of it that counts, as the bytes of
 * its head are gone by the time its body is complete. Its http_conn owns it. The thread of that. */
#ifndef NET_SOCKJS_REQUEST_H
#define NET_SOCKJS_REQUEST_H

#include "access/handshake.h"
#include "base/buf.h"
#include "config/settings.h"
#include "net/peer.h"
#include "sockjs/sockjs_url.h"

struct http_conn;
struct net_env;

struct sockjs_request {
  const struct settings_endpoint *endpoint;
  enum sockjs_transport transport;
  bool form;                   /* the body is a form */
  uint8_t minor;               /* of the request's HTTP version */
  char *callback;              /* of htmlfile and jsonp, or NULL */
  char *key;                   /* the session's name, with its endpoint's */
  char *headers;               /* lines for the answer */
  struct net_peer peer;        /* the client, which may be behind a proxy */
  struct handshake *handshake; /* for the session that it begins, or NULL */
  struct buf body;
};

/* Free with sockjs_request_free; NULL when out of memory. callback may be NULL. */
struct sockjs_request *sockjs_request_new(const struct settings_endpoint *endpoint,
                                          const struct sockjs_url *url, const char *callback,
                                          struct plug_str headers);
void sockjs_request_free(struct sockjs_request *request);

/* Serves http's request, which is complete: it is answered, now or later. http may be gone, or
 * another worker's, afterwards. */
void sockjs_serve(struct net_env *env, struct http_conn *http);

#endif
