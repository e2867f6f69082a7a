/* What a request below a SockJS endpoint gets: the greeting, what the endpoint says of itself, the
 * page for frames, leave for other sites, or a session. Decides only. Owns nothing; an answer's
 * text lives until the thread's next request. Worker's thread only. */
#ifndef NET_SOCKJS_ROUTES_H
#define NET_SOCKJS_ROUTES_H

#include "http/http_forwarded.h"
#include "net/http_routes.h"

/* path: what follows the endpoint's. The request is no upgrade to WebSocket. */
enum http_route sockjs_route(struct net_env *env, const struct settings_endpoint *endpoint,
                             const struct http_head *head, const struct http_forwarded *forwarded,
                             struct plug_str path, struct http_reply *reply);

/* Frees what the thread keeps between calls. */
void sockjs_routes_drop_scratch(void);

/* Does this endpoint serve the transport? */
bool sockjs_serves(const struct settings_endpoint *endpoint, enum sockjs_transport transport);

#endif
