#include "net/http.h"

#include <stdio.h>
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "config/origin_match.h"

#define PATH_MAX_BYTES   1024
#define HEADER_MAX_BYTES 512

/* The header's value in out, "" when there is none; false when it does not fit. */
static bool copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, int size)
{
  out[0] = '\0';
  return lws_hdr_total_length(wsi, token) < size &&
         (lws_hdr_total_length(wsi, token) == 0 || lws_hdr_copy(wsi, out, size, token) >= 0);
}

/* Writes a whole small response; extra is further header lines, each with its CR LF. */
static void respond(struct lws *wsi, const char *status, const char *extra, const char *body,
                    bool with_body)
{
  char text[1024];
  int n = snprintf(text, sizeof text,
                   "HTTP/1.1 %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
                   "content-length: %zu\r\nx-content-type-options: nosniff\r\n%s\r\n%s",
                   status, strlen(body), extra, with_body ? body : "");
  if (n > 0 && (size_t)n < sizeof text)
    lws_write(wsi, (unsigned char *)text, (size_t)n, LWS_WRITE_HTTP);
}

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

/* --- plain requests ----------------------------------------------------------------------- */

enum { METHOD_GET = 0, METHOD_HEAD = 7 }; /* as lws_http_get_uri_and_method numbers them */

static int finish(struct lws *wsi)
{
  return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int serve_page(struct lws *wsi, const struct page *page, bool with_body)
{
  struct buf all = {0};
  /* lws_write wants memory that it may write to. */
  buf_put(&all, page->head.data, page->head.len);
  if (with_body)
    buf_put(&all, page->body.data, page->body.len);
  int written =
      all.failed ? -1 : lws_write(wsi, (unsigned char *)all.data, all.len, LWS_WRITE_HTTP);
  buf_free(&all);
  return written < 0 ? -1 : finish(wsi);
}

int http_request(struct worker *worker, struct lws *wsi)
{
  char *uri = NULL;
  int uri_len = 0;
  int method = lws_http_get_uri_and_method(wsi, &uri, &uri_len);
  bool get = method == METHOD_GET || method == METHOD_HEAD;
  bool with_body = method != METHOD_HEAD;
  struct plug_str path = str_from(uri, uri_len > 0 ? (size_t)uri_len : 0);

  if (method < 0)
    return -1;
  if (find_endpoint(worker->settings, path)) {
    COUNT(handshakes_refused);
    respond(wsi, "426 Upgrade Required", "upgrade: websocket\r\nconnection: close\r\n",
            "This is a WebSocket endpoint for STOMP.\n", with_body);
    return -1;
  }
  const struct page *page = pages_find(worker->pages, path);
  bool ready = str_eq(path, STR("/ready"));
  if ((page || ready) && !get) {
    respond(wsi, "405 Method Not Allowed", "allow: GET, HEAD\r\nconnection: close\r\n",
            "Only GET and HEAD are answered here.\n", with_body);
    return -1; /* a body may follow that nobody reads */
  }
  if (page)
    return serve_page(wsi, page, with_body);
  if (ready && worker->draining)
    respond(wsi, "503 Service Unavailable", "cache-control: no-store\r\n",
            "not ready: the server is stopping\n", with_body);
  else if (ready && !broker_ready(worker->broker))
    respond(wsi, "503 Service Unavailable", "cache-control: no-store\r\n",
            "not ready: the broker is unavailable\n", with_body);
  else if (ready)
    respond(wsi, "200 OK", "cache-control: no-store\r\n", "ready\n", with_body);
  else if (!get) {
    respond(wsi, "404 Not Found", "connection: close\r\n", "There is nothing here.\n", with_body);
    return -1;
  } else
    respond(wsi, "404 Not Found", "", "There is nothing here.\n", with_body);
  return finish(wsi);
}

/* --- upgrades ----------------------------------------------------------------------------- */

static int refuse(struct lws *wsi, const char *status, const char *extra, const char *body)
{
  char headers[256];
  COUNT(handshakes_refused);
  snprintf(headers, sizeof headers, "connection: close\r\n%s", extra);
  respond(wsi, status, headers, body, true);
  return 1;
}

static bool is_stomp(struct plug_str name)
{
  return str_eq(name, STR("v12.stomp")) || str_eq(name, STR("v11.stomp")) ||
         str_eq(name, STR("v10.stomp"));
}

static bool is_upgrade(struct plug_str name)
{
  return str_eq_nocase(name, STR("upgrade"));
}

static bool names_stomp(const char *protocols)
{
  struct plug_str rest = str_of(protocols), item;
  while (str_split(&rest, ',', &item))
    if (is_stomp(item))
      return true;
  return false;
}

/* libwebsockets looks for the same once more, after this check, and then hangs up without an answer
 * at a list or a name that is too long for its buffers, at empty items and at what is no name. So
 * this looks as it does: with its tokenizer, and buffers of the same sizes. */
#define LIST_MAX_BYTES 126
#define NAME_MAX_BYTES 62

static bool list_names(struct lws *wsi, enum lws_token_indexes header,
                       bool (*is_wanted)(struct plug_str name), size_t name_max)
{
  char list[LIST_MAX_BYTES + 1];
  int len = lws_hdr_copy(wsi, list, sizeof list, header);
  if (len <= 0)
    return false;
  struct lws_tokenize ts;
  lws_tokenize_init(&ts, list,
                    LWS_TOKENIZE_F_COMMA_SEP_LIST | LWS_TOKENIZE_F_DOT_NONTERM |
                        LWS_TOKENIZE_F_RFC7230_DELIMS | LWS_TOKENIZE_F_MINUS_NONTERM);
  ts.len = (size_t)len;
  for (;;) {
    lws_tokenize_elem element = lws_tokenize(&ts);
    if (element != LWS_TOKZE_TOKEN && element != LWS_TOKZE_DELIMITER)
      return false;
    if (ts.token_len > name_max)
      return false;
    if (element == LWS_TOKZE_TOKEN && is_wanted(str_from(ts.token, ts.token_len)))
      return true;
  }
}

/* "http://host/path", as requests to a proxy are written (RFC 9112 3.2.2; RFC 6455 4.2.1 wants it
 * understood), comes from libwebsockets with one slash after the colon. */
static struct plug_str path_of(struct plug_str uri)
{
  const struct plug_str schemes[] = {STR("http:/"), STR("https:/")};
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    size_t len = schemes[i].len;
    if (uri.len <= len || !str_eq_nocase(str_from(uri.ptr, len), schemes[i]))
      continue;
    const char *slash = memchr(uri.ptr + len, '/', uri.len - len);
    return slash ? str_from(slash, (size_t)(uri.ptr + uri.len - slash)) : STR("/");
  }
  return uri;
}

int http_check_upgrade(struct worker *worker, struct lws *wsi, const char *protocol)
{
  char path[PATH_MAX_BYTES], value[HEADER_MAX_BYTES], host[HEADER_MAX_BYTES];

  if (worker->draining)
    return refuse(wsi, "503 Service Unavailable", "", "The server is stopping.\n");
  if (!protocol || strcasecmp(protocol, "websocket") != 0)
    return refuse(wsi, "400 Bad Request", "", "Can \"Upgrade\" only to \"WebSocket\".\n");
  /* RFC 6455 4.2.1: HTTP/1.1 or higher. */
  if (copy_header(wsi, WSI_TOKEN_HTTP, value, sizeof value) && strcmp(value, "HTTP/1.0") == 0)
    return refuse(wsi, "400 Bad Request", "", "A WebSocket handshake needs HTTP/1.1.\n");
  if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0)
    return refuse(wsi, "405 Method Not Allowed", "allow: GET\r\n",
                  "A WebSocket handshake is a GET request.\n");
  if (!copy_header(wsi, WSI_TOKEN_GET_URI, path, sizeof path))
    return refuse(wsi, "414 URI Too Long", "", "The path is too long.\n");
  const struct settings_endpoint *endpoint = find_endpoint(worker->settings, path_of(str_of(path)));
  if (!endpoint)
    return refuse(wsi, "404 Not Found", "", "There is no WebSocket endpoint of this name.\n");
  if (lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0)
    return refuse(wsi, "400 Bad Request", "", "The Host header is missing.\n");
  if (lws_hdr_total_length(wsi, WSI_TOKEN_CONNECTION) > LIST_MAX_BYTES)
    return refuse(wsi, "400 Bad Request", "", "The Connection header is longer than 126 bytes.\n");
  if (!list_names(wsi, WSI_TOKEN_CONNECTION, is_upgrade, LIST_MAX_BYTES))
    return refuse(wsi, "400 Bad Request", "", "The Connection header does not name \"Upgrade\".\n");
  if (!copy_header(wsi, WSI_TOKEN_VERSION, value, sizeof value) || strcmp(value, "13") != 0)
    return refuse(wsi, "426 Upgrade Required", "sec-websocket-version: 13\r\n",
                  "Only version 13 of the WebSocket protocol is spoken here.\n");
  /* RFC 6455 4.1: a base64 text of 16 bytes. */
  if (!copy_header(wsi, WSI_TOKEN_KEY, value, sizeof value) || strlen(value) != 24)
    return refuse(wsi, "400 Bad Request", "", "The Sec-WebSocket-Key header is missing or bad.\n");
  if (!copy_header(wsi, WSI_TOKEN_ORIGIN, value, sizeof value) ||
      !copy_header(wsi, WSI_TOKEN_HOST, host, sizeof host))
    return refuse(wsi, "400 Bad Request", "", "The Origin or Host header is too long.\n");
  struct origin_request origin = {
      .origin = str_of(value), .scheme = STR("http"), .host = str_of(host)};
  if (!origin_allowed(endpoint->origins.items, endpoint->origins.n, &origin)) {
    static struct log_limit limit;
    uint64_t held;
    COUNT(origins_refused);
    if (log_limit_pass(&limit, 10000, &held))
      log_warn("net",
               "origin '%s' is not allowed at %s; [endpoint %s] allowed-origins lists those "
               "that are",
               value, path, endpoint->path);
    return refuse(wsi, "403 Forbidden", "", "This origin is not allowed.\n");
  }
  if (!copy_header(wsi, WSI_TOKEN_PROTOCOL, value, sizeof value))
    return refuse(wsi, "400 Bad Request", "", "The Sec-WebSocket-Protocol header is too long.\n");
  if (value[0] && !names_stomp(value))
    return refuse(wsi, "400 Bad Request", "",
                  "Supported subprotocols: v12.stomp, v11.stomp, v10.stomp.\n");
  if (strlen(value) > LIST_MAX_BYTES)
    return refuse(wsi, "400 Bad Request", "",
                  "The Sec-WebSocket-Protocol header is longer than 126 bytes.\n");
  if (value[0] && !list_names(wsi, WSI_TOKEN_PROTOCOL, is_stomp, NAME_MAX_BYTES))
    return refuse(
        wsi, "400 Bad Request", "",
        "The Sec-WebSocket-Protocol header has something odd before its STOMP version.\n");
  return 0;
}
