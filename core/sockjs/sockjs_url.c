#include "sockjs/sockjs_url.h"

#include "base/str.h"
#include "http/http_escape.h"

static const struct {
  const char *name;
  bool get, sends, streams;
} transports[SOCKJS_TRANSPORTS] = {
    [SOCKJS_WEBSOCKET] = {"websocket", true, false, true},
    [SOCKJS_XHR] = {"xhr", false, false, false},
    [SOCKJS_XHR_STREAMING] = {"xhr_streaming", false, false, true},
    [SOCKJS_XHR_SEND] = {"xhr_send", false, true, false},
    [SOCKJS_EVENTSOURCE] = {"eventsource", true, false, true},
    [SOCKJS_HTMLFILE] = {"htmlfile", true, false, true},
    [SOCKJS_JSONP] = {"jsonp", true, false, false},
    [SOCKJS_JSONP_SEND] = {"jsonp_send", false, true, false},
};

const char *sockjs_transport_name(enum sockjs_transport transport)
{
  return transports[transport].name;
}

bool sockjs_transport_find(struct plug_str name, enum sockjs_transport *transport)
{
  for (int i = 0; i < SOCKJS_TRANSPORTS; i++)
    if (str_eq(name, str_of(transports[i].name))) {
      *transport = (enum sockjs_transport)i;
      return true;
    }
  return false;
}

bool sockjs_transport_is_get(enum sockjs_transport transport)
{
  return transports[transport].get;
}

bool sockjs_transport_sends(enum sockjs_transport transport)
{
  return transports[transport].sends;
}

bool sockjs_transport_streams(enum sockjs_transport transport)
{
  return transports[transport].streams;
}

/* "/iframe.html" and "/iframe-VERSION.html". */
static bool is_iframe(struct plug_str path)
{
  struct plug_str head = STR("/iframe"), tail = STR(".html");
  if (!str_has_prefix(path, head) || path.len < head.len + tail.len ||
      memcmp(path.ptr + path.len - tail.len, tail.ptr, tail.len) != 0)
    return false;
  size_t end = path.len - tail.len;
  if (end > head.len && path.ptr[head.len] != '-')
    return false;
  for (size_t i = head.len; i < end; i++) {
    char c = path.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
      return false;
  }
  return true;
}

/* Takes "/SEGMENT" off *path. */
static bool take_segment(struct plug_str *path, struct plug_str *segment)
{
  size_t n = 1;
  if (!path->len || path->ptr[0] != '/')
    return false;
  while (n < path->len && path->ptr[n] != '/')
    n++;
  *segment = str_from(path->ptr + 1, n - 1);
  *path = str_from(path->ptr + n, path->len - n);
  return segment->len != 0;
}

static bool is_name(struct plug_str segment)
{
  return segment.len <= SOCKJS_ID_MAX && !memchr(segment.ptr, '.', segment.len) &&
         !memchr(segment.ptr, ';', segment.len);
}

void sockjs_url_read(struct plug_str path, struct sockjs_url *url)
{
  struct plug_str rest = path, server, session, transport;
  *url = (struct sockjs_url){.place = SOCKJS_NOWHERE};
  if (!path.len || str_eq(path, STR("/")))
    url->place = SOCKJS_GREETING;
  else if (str_eq(path, STR("/info")))
    url->place = SOCKJS_INFO;
  else if (str_eq(path, STR("/websocket")))
    url->place = SOCKJS_RAW_WEBSOCKET;
  else if (is_iframe(path))
    url->place = SOCKJS_IFRAME;
  else if (take_segment(&rest, &server) && take_segment(&rest, &session) &&
           take_segment(&rest, &transport) && !rest.len && is_name(server) && is_name(session) &&
           sockjs_transport_find(transport, &url->transport)) {
    url->place = SOCKJS_SESSION;
    url->session = session;
  }
}

/* --- forms -------------------------------------------------------------------------------- */

size_t sockjs_form_decode(struct plug_str value, char *out)
{
  size_t n = 0;
  for (size_t i = 0; i < value.len; i++) {
    int byte = http_escape_byte(value, i);
    char c = value.ptr[i];
    if (byte >= 0) {
      c = (char)byte;
      i += HTTP_ESCAPE_LEN - 1;
    } else if (c == '+') {
      c = ' ';
    }
    out[n++] = c;
  }
  return n;
}

bool sockjs_form_find(struct plug_str form, struct plug_str name, struct plug_str *value)
{
  while (form.len) {
    const char *and = memchr(form.ptr, '&', form.len);
    size_t len = and ? (size_t)(and-form.ptr) : form.len;
    if (len > name.len && form.ptr[name.len] == '=' && memcmp(form.ptr, name.ptr, name.len) == 0) {
      *value = str_from(form.ptr + name.len + 1, len - name.len - 1);
      return true;
    }
    size_t skip = and ? len + 1 : len;
    form = str_from(form.ptr + skip, form.len - skip);
  }
  return false;
}

enum sockjs_callback sockjs_url_callback(struct plug_str query, char out[SOCKJS_CALLBACK_MAX + 1])
{
  struct plug_str value;
  if (!sockjs_form_find(query, STR("c"), &value) || !value.len)
    return SOCKJS_CALLBACK_MISSING;
  if (value.len > SOCKJS_CALLBACK_MAX)
    return SOCKJS_CALLBACK_INVALID;
  size_t n = sockjs_form_decode(value, out);
  out[n] = '\0';
  for (size_t i = 0; i < n; i++) {
    char c = out[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '.'))
      return SOCKJS_CALLBACK_INVALID;
  }
  return SOCKJS_CALLBACK_VALID;
}
