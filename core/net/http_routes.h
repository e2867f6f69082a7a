/* What an HTTP request gets: the page to try the server on, readiness, a WebSocket, or a refusal
 * that says why. Decides only; http_conn.h writes. Owns nothing. Worker's thread only. */
#ifndef NET_HTTP_ROUTES_H
#define NET_HTTP_ROUTES_H

#include "http/http_answer.h"
#include "http/http_forwarded.h"
#include "http/http_head.h"
#include "net/env.h"
#include "net/http_task.h"
#include "net/mount.h"
#include "net/peer.h"
#include "websocket/ws_upgrade.h"

struct http_request {
  const struct http_head *head;
  const struct net_peer *peer;
  const struct tls_stream *tls; /* that it came by, or NULL */
  uint8_t door;                 /* what it came in by: enum door_kind */
  bool local;                   /* by a Unix socket */
};

enum http_route { HTTP_ROUTE_ANSWER, HTTP_ROUTE_REFUSED, HTTP_ROUTE_UPGRADE, HTTP_ROUTE_SERVE };

struct http_reply {
  struct http_answer answer;                /* head_only is the caller's */
  const char *text;                         /* static; the body, and a line feed behind it */
  struct plug_str body;                     /* if there is no text; valid until the next request */
  const struct page *page;                  /* likewise */
  struct http_fault fault;                  /* of a refusal */
  struct ws_upgrade upgrade;                /* of an upgrade */
  struct net_peer peer;                     /* the client, which may be behind a proxy */
  bool sockjs_framing;                      /* likewise: the messages are SockJS's */
  const struct settings_endpoint *endpoint; /* likewise */
  struct http_task *task;                   /* for the caller; its body is to come */
};

/* May the request come from where it says? False: reply is the refusal. */
bool http_route_check_origin(const struct settings_endpoint *endpoint, const struct http_head *head,
                             const struct http_forwarded *forwarded, struct http_reply *reply);

enum http_route http_route(struct net_env *env, const struct http_request *request,
                           struct http_reply *reply);

#endif
