#include "net/sockjs_routes.h"
#include "net/sockjs_request.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/str.h"
#include "sockjs/sockjs_page.h"
#include "sockjs/sockjs_url.h"

#define YEAR_S 31536000

static const char no_cache[] = "cache-control: no-store, no-cache, must-revalidate, max-age=0\r\n";

/* Of the answer that is being put together. */
static _Thread_local struct buf headers, body;

static struct buf *begin(struct buf *buf)
{
  buf->len = 0;
  buf->failed = false;
  return buf;
}

void sockjs_routes_drop_scratch(void)
{
  buf_free(&headers);
  buf_free(&body);
}

static struct plug_str value_of(const struct http_head *head, enum http_name name)
{
  const struct http_field *field = http_head_field(head, name);
  return field ? field->value : STR("");
}

bool sockjs_serves(const struct settings_endpoint *endpoint, enum sockjs_transport transport)
{
  static const uint32_t bits[SOCKJS_TRANSPORTS] = {
      [SOCKJS_WEBSOCKET] = 1u << TRANSPORT_WEBSOCKET,
      [SOCKJS_XHR] = 1u << TRANSPORT_XHR,
      [SOCKJS_XHR_STREAMING] = 1u << TRANSPORT_XHR_STREAMING,
      [SOCKJS_XHR_SEND] = 1u << TRANSPORT_XHR | 1u << TRANSPORT_XHR_STREAMING |
                          1u << TRANSPORT_EVENTSOURCE | 1u << TRANSPORT_HTMLFILE,
      [SOCKJS_EVENTSOURCE] = 1u << TRANSPORT_EVENTSOURCE,
      [SOCKJS_HTMLFILE] = 1u << TRANSPORT_HTMLFILE,
      [SOCKJS_JSONP] = 1u << TRANSPORT_JSONP,
      [SOCKJS_JSONP_SEND] = 1u << TRANSPORT_JSONP,
  };
  bool jsonp = transport == SOCKJS_JSONP || transport == SOCKJS_JSONP_SEND;
  if (!endpoint->sockjs || (transport == SOCKJS_WEBSOCKET && !endpoint->websocket) ||
      (jsonp && endpoint->terms.spring_profile))
    return false;
  return (endpoint->sockjs_transports & bits[transport]) != 0;
}

/* --- headers ------------------------------------------------------------------------------ */

static bool is_open_to_all(const struct settings_endpoint *endpoint)
{
  for (size_t i = 0; i < endpoint->origins.n; i++)
    if (str_eq(endpoint->origins.items[i], STR("*")))
      return true;
  return false;
}

/* The origin has been found to be allowed. It is named, and not a star: browsers refuse a star to
 * scripts that send cookies, as sockjs-client does. */
static void put_cors(struct buf *out, const struct settings_endpoint *endpoint,
                     const struct http_head *head)
{
  struct plug_str origin = value_of(head, HTTP_ORIGIN);
  struct plug_str asked = value_of(head, HTTP_ACCESS_CONTROL_REQUEST_HEADERS);
  buf_put_str(out, STR("vary: origin\r\n"));
  if (origin.len)
    buf_putf(out,
             "access-control-allow-origin: %.*s\r\n"
             "access-control-allow-credentials: true\r\n",
             STR_ARG(origin));
  else if (is_open_to_all(endpoint)) /* as the protocol's text has it; a browser sends an Origin */
    buf_put_str(out, STR("access-control-allow-origin: *\r\n"
                         "access-control-allow-credentials: true\r\n"));
  if (asked.len)
    buf_putf(out, "access-control-allow-headers: %.*s\r\n", STR_ARG(asked));
}

static bool is_cookie_text(struct plug_str text)
{
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || strchr("\",;\\", text.ptr[i]))
      return false;
  return text.len > 0;
}

#define COOKIE "JSESSIONID="

/* Balancers that keep clients at their node by this cookie act when the node sets it. */
static void put_cookie(struct buf *out, const struct http_head *head)
{
  struct plug_str value = STR("dummy");
  for (size_t i = 0; head->counts[HTTP_COOKIE] && i < head->n_fields; i++) {
    struct plug_str rest = head->fields[i].value, item;
    if (head->fields[i].id != HTTP_COOKIE)
      continue;
    while (rest.len && str_split(&rest, ';', &item)) {
      struct plug_str own = str_from(item.ptr + strlen(COOKIE), item.len - strlen(COOKIE));
      if (str_has_prefix(item, STR(COOKIE)) && is_cookie_text(own))
        value = own;
    }
  }
  buf_putf(out, "set-cookie: " COOKIE "%.*s; path=/\r\n", STR_ARG(value));
}

static void put_year(struct buf *out)
{
  char expires[HTTP_TIME_SIZE];
  http_put_time(expires, time(NULL) + YEAR_S);
  buf_putf(out, "cache-control: public, max-age=%d\r\nexpires: %s\r\n", YEAR_S, expires);
}

/* --- answers ------------------------------------------------------------------------------ */

static enum http_route refuse(struct http_reply *reply, uint16_t status, const char *text,
                              const char *header)
{
  reply->fault = (struct http_fault){.status = status, .text = text, .header = header};
  return HTTP_ROUTE_REFUSED;
}

static enum http_route give(struct http_reply *reply, uint16_t status, const char *type)
{
  buf_put_char(&headers, '\0');
  if (headers.failed || body.failed)
    return refuse(reply, 503, "The server is out of memory.", NULL);
  reply->answer.status = status;
  reply->answer.headers = headers.data;
  reply->answer.type = type;
  reply->body = str_from(body.data, body.len);
  return HTTP_ROUTE_ANSWER;
}

static enum http_route not_found(struct http_reply *reply)
{
  reply->answer.status = 404;
  reply->text = "There is nothing here.";
  return HTTP_ROUTE_ANSWER;
}

static enum http_route not_allowed(struct http_reply *reply, const char *allow)
{
  buf_putf(&headers, "allow: %s\r\n", allow);
  reply->answer.untyped = true;
  return give(reply, 405, NULL);
}

static enum http_route permit(const struct settings_endpoint *endpoint,
                              const struct http_head *head, struct http_reply *reply,
                              const char *methods)
{
  put_cors(&headers, endpoint, head);
  put_year(&headers);
  buf_putf(&headers,
           "access-control-allow-methods: %s\r\n"
           "access-control-max-age: %d\r\n",
           methods, YEAR_S);
  return give(reply, 204, NULL);
}

/* --- places ------------------------------------------------------------------------------- */

static bool is_get(const struct http_head *head)
{
  return head->method == HTTP_GET || head->method == HTTP_HEAD;
}

static enum http_route route_info(const struct settings_endpoint *endpoint,
                                  const struct http_head *head, struct http_reply *reply)
{
  uint32_t entropy = 0;
  if (head->method == HTTP_OPTIONS)
    return permit(endpoint, head, reply, "OPTIONS, GET");
  if (!is_get(head))
    return not_allowed(reply, "OPTIONS, GET");
  if (getrandom(&entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy)
    return refuse(reply, 503, "There is no random number.", NULL);
  put_cors(&headers, endpoint, head);
  buf_put_str(&headers, str_of(no_cache));
  sockjs_put_info(&body, sockjs_serves(endpoint, SOCKJS_WEBSOCKET),
                  endpoint->sockjs_cookie || endpoint->terms.spring_profile, entropy);
  return give(reply, 200, "application/json; charset=UTF-8");
}

/* The same on all nodes and after each restart. */
static void put_etag(char out[2 * 16 + 3], struct plug_str text)
{
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  if (EVP_Digest(text.ptr, text.len, hash, &len, EVP_sha256(), NULL) != 1)
    memset(hash, 0, sizeof hash);
  out[0] = '"';
  for (unsigned i = 0; i < 16; i++)
    snprintf(out + 1 + 2 * i, 3, "%02x", hash[i]);
  memcpy(out + 1 + 2 * 16, "\"", 2);
}

/* What the page in the frame sends comes from this server's own origin, on behalf of whoever made
 * the frame: an allow-list of origins could not be kept. */
static enum http_route route_iframe(const struct settings_endpoint *endpoint,
                                    const struct http_head *head, struct http_reply *reply)
{
  bool open = is_open_to_all(endpoint);
  if (!open && endpoint->origins.n)
    return not_found(reply);
  if (!is_get(head))
    return not_allowed(reply, "GET");
  sockjs_put_iframe(&body, endpoint->sockjs_client);
  if (!open)
    buf_put_str(&headers, STR("x-frame-options: SAMEORIGIN\r\n"));
  char etag[2 * 16 + 3];
  put_etag(etag, str_from(body.data, body.len));
  buf_putf(&headers, "etag: %s\r\n", etag);
  if (endpoint->terms.spring_profile)
    buf_put_str(&headers, str_of(no_cache));
  else
    put_year(&headers);
  struct plug_str known = value_of(head, HTTP_IF_NONE_MATCH), item;
  while (http_list_next(&known, &item)) {
    if (str_has_prefix(item, STR("W/")))
      item = str_from(item.ptr + 2, item.len - 2);
    if (str_eq(item, str_of(etag)) || str_eq(item, STR("*"))) {
      body.len = 0;
      return give(reply, 304, NULL);
    }
  }
  return give(reply, 200, "text/html; charset=UTF-8");
}

/* A page of another site may ask for these without saying where it is from. Browsers of our day
 * say that much; the older ones that need these transports do not. */
static bool comes_from_elsewhere(const struct settings_endpoint *endpoint,
                                 const struct http_head *head)
{
  struct plug_str site = value_of(head, HTTP_SEC_FETCH_SITE);
  return !is_open_to_all(endpoint) && !head->counts[HTTP_ORIGIN] &&
         (str_eq(site, STR("cross-site")) || str_eq(site, STR("same-site")));
}

static enum http_route fault_500(struct http_reply *reply, const char *text)
{
  reply->answer.status = 500;
  reply->text = text;
  return HTTP_ROUTE_ANSWER;
}

static enum http_route begin_session(struct net_env *env, const struct settings_endpoint *endpoint,
                                     const struct http_head *head, const struct sockjs_url *url,
                                     struct http_reply *reply)
{
  char callback[SOCKJS_CALLBACK_MAX + 1];
  bool called = url->transport == SOCKJS_HTMLFILE || url->transport == SOCKJS_JSONP;
  if (called) {
    enum sockjs_callback found = sockjs_url_callback(head->query, callback);
    if (found == SOCKJS_CALLBACK_MISSING || endpoint->terms.spring_profile) {
      if (found != SOCKJS_CALLBACK_VALID)
        return fault_500(reply, "\"callback\" parameter required");
    } else if (found == SOCKJS_CALLBACK_INVALID) {
      return fault_500(reply, "invalid \"callback\" parameter");
    }
    if (comes_from_elsewhere(endpoint, head))
      return refuse(reply, 403, "This origin is not allowed.", NULL);
  }
  put_cors(&headers, endpoint, head);
  if (endpoint->sockjs_cookie && !endpoint->terms.spring_profile)
    put_cookie(&headers, head);
  /* A proxy that compresses would hold a stream until it has enough. On a line of its own: clients
   * of the protocol know the other one by its text. */
  if (sockjs_transport_streams(url->transport) && !endpoint->terms.spring_profile)
    buf_put_str(&headers, STR("cache-control: no-transform\r\n"));
  buf_put_str(&headers, str_of(no_cache));
  struct plug_str lines = str_from(headers.data, headers.len);
  struct sockjs_request *request =
      headers.failed ? NULL
                     : sockjs_request_new(env->settings, endpoint, url, called ? callback : NULL,
                                          lines, env->settings->max_sockjs_message);
  if (!request)
    return refuse(reply, 503, "The server is out of memory.", NULL);
  struct plug_str type = value_of(head, HTTP_CONTENT_TYPE), first = type;
  (void)str_split(&type, ';', &first);
  request->form = url->transport == SOCKJS_JSONP_SEND &&
                  str_eq_nocase(first, STR("application/x-www-form-urlencoded"));
  reply->task = &request->task;
  return HTTP_ROUTE_SERVE;
}

static enum http_route route_session(struct net_env *env, const struct settings_endpoint *endpoint,
                                     const struct http_head *head, const struct sockjs_url *url,
                                     struct http_reply *reply)
{
  if (!sockjs_serves(endpoint, url->transport))
    return not_found(reply);
  bool get = sockjs_transport_is_get(url->transport);
  if (url->transport == SOCKJS_WEBSOCKET) {
    if (head->method != HTTP_GET)
      return not_allowed(reply, "GET");
    reply->answer.status = 400;
    reply->text = head->counts[HTTP_UPGRADE] ? "\"Connection\" must be \"Upgrade\"."
                                             : "Can \"Upgrade\" only to \"WebSocket\".";
    return HTTP_ROUTE_ANSWER;
  }
  const char *methods = get ? "OPTIONS, GET" : "OPTIONS, POST";
  if (head->method == HTTP_OPTIONS)
    return permit(endpoint, head, reply, methods);
  if (head->method != (get ? HTTP_GET : HTTP_POST))
    return not_allowed(reply, methods);
  return begin_session(env, endpoint, head, url, reply);
}

enum http_route sockjs_route(struct net_env *env, const struct settings_endpoint *endpoint,
                             const struct http_head *head, const struct http_forwarded *forwarded,
                             struct plug_str path, struct http_reply *reply)
{
  struct sockjs_url url;
  begin(&headers);
  begin(&body);
  sockjs_url_read(path, &url);
  if ((url.place == SOCKJS_INFO || url.place == SOCKJS_SESSION) &&
      !http_route_check_origin(endpoint, head, forwarded, reply))
    return HTTP_ROUTE_REFUSED;
  switch (url.place) {
  case SOCKJS_GREETING:
    if (!is_get(head))
      return not_allowed(reply, "GET, HEAD");
    buf_put_str(&body, STR(SOCKJS_GREETING_TEXT));
    return give(reply, 200, "text/plain; charset=UTF-8");
  case SOCKJS_INFO:
    return route_info(endpoint, head, reply);
  case SOCKJS_IFRAME:
    return route_iframe(endpoint, head, reply);
  case SOCKJS_RAW_WEBSOCKET:
    if (!endpoint->websocket)
      return not_found(reply);
    if (head->method != HTTP_GET)
      return not_allowed(reply, "GET");
    reply->answer.status = 400;
    reply->text = "Can \"Upgrade\" only to \"WebSocket\".";
    return HTTP_ROUTE_ANSWER;
  case SOCKJS_SESSION:
    return route_session(env, endpoint, head, &url, reply);
  default:
    return not_found(reply);
  }
}
