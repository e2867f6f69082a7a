/* What a path below a SockJS endpoint asks for (SockJS protocol 0.3.3), read from the path as it
 * came: what decodes it or folds slashes in it would make one session's name of another's. No I/O.
 * Owns nothing; what a URL points to lies in the bytes that were given. Any thread. */
#ifndef SOCKJS_SOCKJS_URL_H
#define SOCKJS_SOCKJS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include <plugboard/abi.h>

enum sockjs_place {
  SOCKJS_NOWHERE,
  SOCKJS_GREETING,      /* "" and "/" */
  SOCKJS_INFO,          /* "/info" */
  SOCKJS_IFRAME,        /* "/iframe.html", "/iframe-1.6.1.html" */
  SOCKJS_RAW_WEBSOCKET, /* "/websocket": no framing of SockJS */
  SOCKJS_SESSION        /* "/SERVER/SESSION/TRANSPORT" */
};

enum sockjs_transport {
  SOCKJS_WEBSOCKET,
  SOCKJS_XHR,
  SOCKJS_XHR_STREAMING,
  SOCKJS_XHR_SEND,
  SOCKJS_EVENTSOURCE,
  SOCKJS_HTMLFILE,
  SOCKJS_JSONP,
  SOCKJS_JSONP_SEND,
  SOCKJS_TRANSPORTS
};

#define SOCKJS_ID_MAX       128 /* bytes of a session's name; sockjs-client makes 8 */
#define SOCKJS_CALLBACK_MAX 128

struct sockjs_url {
  enum sockjs_place place;
  enum sockjs_transport transport; /* of SOCKJS_SESSION */
  struct plug_str session;         /* likewise; the server part is for balancers only */
};

/* path: what follows the endpoint's own path; empty, or it begins with a slash. */
void sockjs_url_read(struct plug_str path, struct sockjs_url *url);

/* "xhr_send"; and the other way round, false for other names. */
const char *sockjs_transport_name(enum sockjs_transport transport);
bool sockjs_transport_find(struct plug_str name, enum sockjs_transport *transport);

/* Is it requested with GET (the others: with POST)? */
bool sockjs_transport_is_get(enum sockjs_transport transport);
/* Does it carry messages of the client? Then it needs a session that is there. */
bool sockjs_transport_sends(enum sockjs_transport transport);
/* Does one answer carry many frames? */
bool sockjs_transport_streams(enum sockjs_transport transport);

/* The callback that htmlfile and jsonp name in the query ("c=..."), decoded, NUL-terminated. It
 * becomes part of a script: letters, digits, '_' and '.' only. */
enum sockjs_callback { SOCKJS_CALLBACK_MISSING, SOCKJS_CALLBACK_INVALID, SOCKJS_CALLBACK_VALID };
enum sockjs_callback sockjs_url_callback(struct plug_str query, char out[SOCKJS_CALLBACK_MAX + 1]);

/* Decodes a value of application/x-www-form-urlencoded into out, which may be its own place;
 * returns the length, which is never larger. A '%' that begins no escape stands for itself. */
size_t sockjs_form_decode(struct plug_str value, char *out);
/* The value of a parameter of such a form; NULL: there is none. */
bool sockjs_form_find(struct plug_str form, struct plug_str name, struct plug_str *value);

#endif
