/* HTTP on the listening sockets: the checks before a WebSocket upgrade, the page to try the server
 * on, and readiness. Owns nothing. Worker's thread only. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "net/worker.h"

/* Answers a plain request; the return value of its libwebsockets callback. */
int http_request(struct worker *worker, struct lws *wsi);

/* Checks an upgrade: 0 lets it pass; otherwise the refusal has been written and the connection is
 * to be closed. protocol: what the client asked to upgrade to. */
int http_check_upgrade(struct worker *worker, struct lws *wsi, const char *protocol);

#endif
