/* A request for a SockJS session, once it has been judged: all of it that counts, as the bytes of
 * its head are gone by the time its body is complete. Its http_conn owns it. The thread of that. */
#ifndef NET_SOCKJS_REQUEST_H
#define NET_SOCKJS_REQUEST_H

#include "access/handshake.h"
#include "base/list.h"
#include "config/settings.h"
#include "net/http_task.h"
#include "sockjs/sockjs_url.h"

struct http_conn;
struct net_env;

struct sockjs_request {
  struct http_task task;
  size_t endpoint; /* its number: the settings may be others by the time the body is complete */
  enum sockjs_transport transport;
  bool form;                   /* the body is a form */
  char *callback;              /* of htmlfile and jsonp, or NULL */
  char *key;                   /* the session's name, with its endpoint's */
  char *headers;               /* lines for the answer */
  struct handshake *handshake; /* for the session that it begins, or NULL */
};

/* Free with http_task_free; NULL when out of memory. callback may be NULL. max_body: of its body.
 */
struct sockjs_request *sockjs_request_new(const struct settings *settings,
                                          const struct settings_endpoint *endpoint,
                                          const struct sockjs_url *url, const char *callback,
                                          struct plug_str headers, size_t max_body);

static inline struct sockjs_request *sockjs_request_of(struct http_task *task)
{
  return container_of(task, struct sockjs_request, task);
}

/* Serves http's request, which is complete: it is answered, now or later. http may be gone, or
 * another worker's, afterwards. */
void sockjs_serve(struct net_env *env, struct http_conn *http);

#endif
