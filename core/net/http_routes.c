#include "net/http_routes.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "config/cidr.h"
#include "config/origin_match.h"
#include "http/http_forwarded.h"
#include "http/http_path.h"
#include "net/api_routes.h"
#include "net/sign_in.h"
#include "net/sockjs_routes.h"
#include "websocket/ws_deflate.h"

static enum http_route refuse(struct http_reply *reply, uint16_t status, const char *text,
                              const char *header)
{
  reply->fault = (struct http_fault){.status = status, .text = text, .header = header};
  return HTTP_ROUTE_REFUSED;
}

/* --- what there is ------------------------------------------------------------------------- */

static const struct settings_endpoint *find_endpoint(const struct settings *settings,
                                                     struct plug_str path)
{
  if (path.len > 1 && path.ptr[path.len - 1] == '/')
    path.len--;
  for (size_t i = 0; i < settings->n_endpoints; i++)
    if (str_eq(path, str_of(settings->endpoints[i].path)))
      return &settings->endpoints[i];
  return NULL;
}

/* The endpoint that the path is below, as it came; *rest: what follows. The longest counts. */
static const struct settings_endpoint *endpoint_above(const struct settings *settings,
                                                      struct plug_str path, struct plug_str *rest)
{
  const struct settings_endpoint *best = NULL;
  for (size_t i = 0; i < settings->n_endpoints; i++) {
    struct plug_str own = str_of(settings->endpoints[i].path);
    if (!str_has_prefix(path, own) || (path.len > own.len && path.ptr[own.len] != '/') ||
        (best && strlen(best->path) > own.len))
      continue;
    best = &settings->endpoints[i];
    *rest = str_from(path.ptr + own.len, path.len - own.len);
  }
  return best;
}

static enum http_route answer(struct http_reply *reply, uint16_t status, const char *headers,
                              const char *text)
{
  reply->answer.status = status;
  reply->answer.headers = headers;
  reply->text = text;
  return HTTP_ROUTE_ANSWER;
}

static enum http_route not_allowed(struct http_reply *reply)
{
  return answer(reply, 405, "allow: GET, HEAD\r\n", "Only GET and HEAD are answered here.");
}

static enum http_route answer_ready(struct net_env *env, struct http_reply *reply)
{
  const char *no_store = "cache-control: no-store\r\n";
  if (env->shut || atomic_load_explicit(env->leaving, memory_order_relaxed))
    return answer(reply, 503, no_store, "not ready: the server is stopping");
  static _Thread_local char text[300] = "not ready: ";
  if (broker_unready(env->broker, text + 11, sizeof text - 11))
    return answer(reply, 503, no_store, text);
  return answer(reply, 200, no_store, "ready");
}

/* Pages of others, which a browser that reaches this address may show too, have no business with
 * what operators are given. */
static bool is_foreign(const struct http_head *head, const struct http_forwarded *forwarded)
{
  const struct http_field *field = http_head_field(head, HTTP_ORIGIN);
  struct origin_request origin = {.origin = field ? field->value : STR(""),
                                  .scheme = forwarded->scheme,
                                  .host = forwarded->host};
  return field && (head->counts[HTTP_ORIGIN] > 1 || !origin_allowed(NULL, 0, &origin));
}

static enum http_route route_mount(struct net_env *env, const struct http_request *request,
                                   const struct http_forwarded *forwarded,
                                   const struct mount *mount, struct plug_str path,
                                   struct http_reply *reply)
{
  if (door_is_operators(request->door) && is_foreign(request->head, forwarded)) {
    COUNT(origins_refused);
    reply->answer.type = "application/json";
    return answer(reply, 403, MOUNT_HEADERS,
                  "{\"code\":\"foreign-origin\",\"message\":\"this is answered to pages of this "
                  "server only\"}");
  }
  if (env->quiet)
    return refuse(reply, 503, "The server is stopping.", NULL);
  reply->task = mount_task_new(mount, request->head, path, request->door, request->local);
  if (!reply->task)
    return refuse(reply, 503, "The server is out of memory.", NULL);
  return HTTP_ROUTE_SERVE;
}

static enum http_route route_plain(struct net_env *env, const struct http_request *request,
                                   const struct http_forwarded *forwarded, struct plug_str path,
                                   struct http_reply *reply)
{
  const struct http_head *head = request->head;
  bool get = head->method == HTTP_GET || head->method == HTTP_HEAD;
  if (head->method == HTTP_CONNECT)
    return refuse(reply, 405, "This server is no proxy.", "allow: GET, HEAD\r\n");
  if (head->asterisk)
    return answer(reply, 204, "allow: GET, HEAD, OPTIONS\r\n", NULL);
  const struct mount *mount = mounts_find(env->mounts, request->door, path);
  if (mount)
    return route_mount(env, request, forwarded, mount, path, reply);
  if (api_routes_have(env, request, path))
    return api_route(env, request, path, reply);
  bool ready = str_eq(path, STR("/ready"));
  if (request->door != DOOR_CLIENTS && !ready)
    return answer(reply, 404, NULL,
                  request->door == DOOR_API ? "Only the API is here." : "There is nothing here.");
  struct plug_str rest;
  const struct settings_endpoint *endpoint = endpoint_above(env->settings, head->path, &rest);
  if (endpoint && endpoint->sockjs && request->door == DOOR_CLIENTS)
    return sockjs_route(env, endpoint, head, forwarded, rest, reply);
  endpoint = find_endpoint(env->settings, path);
  if (endpoint && endpoint->websocket) {
    COUNT(handshakes_refused);
    if (!get)
      return answer(reply, 405, "allow: GET\r\n", "A WebSocket handshake is a GET request.");
    return answer(reply, 426, "upgrade: websocket\r\nconnection: upgrade\r\n",
                  "This is a WebSocket endpoint for STOMP.");
  }
  if (env->settings->page.sign_in && str_eq(path, STR(SIGN_IN_PATH)))
    return sign_in_route(env, head, forwarded, reply);
  const struct page *page = pages_find(env->pages, path);
  if ((page || ready) && !get)
    return not_allowed(reply);
  if (ready)
    return answer_ready(env, reply);
  if (!page)
    return answer(reply, 404, NULL, "There is nothing here.");
  reply->page = page;
  reply->answer.type = page->type;
  return answer(reply, 200, pages_headers, NULL);
}

/* --- upgrades ----------------------------------------------------------------------------- */

static enum http_route refuse_origin(const struct settings_endpoint *endpoint,
                                     struct plug_str origin, struct http_reply *reply)
{
  static struct log_limit limit;
  char more[LOG_HELD_MAX];
  uint64_t held;
  COUNT(origins_refused);
  if (log_limit_pass(&limit, 10000, &held))
    log_warn("net",
             "origin '%.*s' is not allowed at %s; [endpoint %s] allowed-origins lists those that "
             "are%s",
             STR_ARG(origin), endpoint->path, endpoint->path, log_held(held, more));
  return refuse(reply, 403, "This origin is not allowed.", NULL);
}

bool http_route_check_origin(const struct settings_endpoint *endpoint, const struct http_head *head,
                             const struct http_forwarded *forwarded, struct http_reply *reply)
{
  if (head->counts[HTTP_ORIGIN] > 1) {
    refuse(reply, 400, "There is more than one Origin header.", NULL);
    return false;
  }
  const struct http_field *field = http_head_field(head, HTTP_ORIGIN);
  struct origin_request origin = {.origin = field ? field->value : STR(""),
                                  .scheme = forwarded->scheme,
                                  .host = forwarded->host};
  if (origin_allowed(endpoint->origins.items, endpoint->origins.n, &origin))
    return true;
  refuse_origin(endpoint, origin.origin, reply);
  return false;
}

/* The path itself, PATH/websocket, and the sessions of SockJS. */
static const struct settings_endpoint *find_websocket(struct net_env *env,
                                                      const struct http_head *head,
                                                      struct plug_str path,
                                                      struct http_reply *reply)
{
  struct plug_str rest;
  struct sockjs_url url = {.place = SOCKJS_NOWHERE};
  const struct settings_endpoint *endpoint = endpoint_above(env->settings, head->path, &rest);
  if (endpoint)
    sockjs_url_read(rest, &url);
  reply->sockjs_framing = url.place == SOCKJS_SESSION && url.transport == SOCKJS_WEBSOCKET &&
                          sockjs_serves(endpoint, SOCKJS_WEBSOCKET);
  if (!reply->sockjs_framing && url.place != SOCKJS_RAW_WEBSOCKET)
    endpoint = find_endpoint(env->settings, path);
  reply->endpoint = endpoint;
  return endpoint && endpoint->websocket ? endpoint : NULL;
}

static enum http_route route_upgrade(struct net_env *env, const struct http_head *head,
                                     const struct http_forwarded *origin_of, struct plug_str path,
                                     struct http_reply *reply)
{
  if (env->shut) {
    COUNT(refused_drain);
    return refuse(reply, 503, "The server is stopping.", env->retry_after);
  }
  const struct settings_endpoint *endpoint = find_websocket(env, head, path, reply);
  if (!endpoint)
    return refuse(reply, 404, "There is no WebSocket endpoint of this name.", NULL);
  if (reply->sockjs_framing && head->method != HTTP_GET) {
    COUNT(handshakes_refused);
    reply->answer.untyped = true; /* as SockJS has it, of all of its methods */
    return answer(reply, 405, "allow: GET\r\n", NULL);
  }
  if (!ws_upgrade_judge(head, &reply->upgrade, &reply->fault))
    return HTTP_ROUTE_REFUSED;
  if (!http_route_check_origin(endpoint, head, origin_of, reply))
    return HTTP_ROUTE_REFUSED;
  reply->upgrade.deflate =
      endpoint->deflate && !reply->sockjs_framing && ws_deflate_is_offered(head);
  return HTTP_ROUTE_UPGRADE;
}

/* --- both --------------------------------------------------------------------------------- */

static bool is_trusted(const void *list, const uint8_t address[16])
{
  return cidr_list_has(list, address);
}

/* How the client sees the server, and who it is: what a proxy in front says counts if the proxy is
 * known. */
static void find_client(const struct net_env *env, const struct http_request *request,
                        struct http_forwarded *forwarded, struct net_peer *peer)
{
  const struct cidr_list *trusted = &env->settings->http_trusted_proxies;
  *forwarded = (struct http_forwarded){0};
  *peer = *request->peer;
  if (is_trusted(trusted, peer->address)) {
    http_forwarded_read(request->head, forwarded);
    if (http_forwarded_client(request->head, is_trusted, trusted, peer->address))
      peer->port = 0; /* which the proxy does not say */
  }
  if (!forwarded->scheme.len)
    forwarded->scheme = request->tls              ? STR("https")
                        : request->head->absolute ? request->head->scheme
                                                  : STR("http");
  if (!forwarded->host.len)
    forwarded->host = request->head->host;
}

/* A page of somebody else's can be made to resolve to this server's address (DNS rebinding); its
 * browser then sends that page's host. Addresses and localhost cannot be rebound. */
static bool knows_host(const struct settings *settings, struct plug_str host)
{
  return settings->allowed_hosts.n == 0 ||
         origin_host_allowed(settings->allowed_hosts.items, settings->allowed_hosts.n, host);
}

enum http_route http_route(struct net_env *env, const struct http_request *request,
                           struct http_reply *reply)
{
  const struct http_head *head = request->head;
  struct http_forwarded forwarded;
  char buffer[NET_READ_BYTES];
  find_client(env, request, &forwarded, &reply->peer);
  if (!request->local && !knows_host(env->settings, forwarded.host)) {
    COUNT(hosts_refused);
    return refuse(reply, 421, "This server does not answer to that host.", NULL);
  }
  struct plug_str path = head->path.len ? http_path_normalise(head->path, buffer) : STR("");
  /* RFC 9110 7.8: other protocols may be ignored, and a page or /ready then is what it always is.
   */
  bool upgrade = http_head_lists(head, HTTP_UPGRADE, STR("websocket")) ||
                 (ws_upgrade_wanted(head) && find_endpoint(env->settings, path));
  if (!upgrade || request->door != DOOR_CLIENTS)
    return route_plain(env, request, &forwarded, path, reply);
  enum http_route route = route_upgrade(env, head, &forwarded, path, reply);
  if (route == HTTP_ROUTE_REFUSED)
    COUNT(handshakes_refused);
  return route;
}
