/* What a request below /api gets before its body is read: a refusal in JSON, the description of the
 * API, or a task whose body is to come. Decides only. Owns nothing; an answer's text lives until
 * the thread's next request. Worker's thread only. */
#ifndef NET_API_ROUTES_H
#define NET_API_ROUTES_H

#include "api/api_order.h"
#include "net/http_routes.h"

enum api_operation { API_PUBLISH, API_DISCONNECT, API_UNSUBSCRIBE, API_PRESENCE, API_OPERATIONS };

struct api_look;
struct api_wait;

/* A request that may be carried out. */
struct api_task {
  struct http_task task;
  enum api_operation operation;
  char *key_name;        /* of the key that was shown */
  char *idempotency;     /* what it is known by if it comes again, or NULL */
  char *destination;     /* whose presence is asked for, or NULL */
  struct api_wait *wait; /* what it waits for (api_serve.c), or NULL */
  struct api_look *look; /* likewise (api_presence.c) */
};

/* Is the path the API's, and the API served to this request? */
bool api_routes_have(const struct net_env *env, const struct http_request *request,
                     struct plug_str path);
enum http_route api_route(struct net_env *env, const struct http_request *request,
                          struct plug_str path, struct http_reply *reply);

/* Frees what the thread keeps between calls. */
void api_routes_drop_scratch(void);

/* --- api_serve.c --------------------------------------------------------------------------- */

/* For struct http_task_kind. */
void api_serve(struct net_env *env, struct http_conn *http);
/* The client of a request that waits has gone. */
void api_forget(struct api_wait *wait);
/* Answers; text is freed. lines: further headers, or NULL. */
void api_answer(struct http_conn *http, uint16_t status, const char *lines, struct buf *text);
void api_answer_fault(struct http_conn *http, const struct api_fault *fault);

/* --- api_presence.c ------------------------------------------------------------------------ */

void api_serve_presence(struct net_env *env, struct http_conn *http);
void api_look_forget(struct api_look *look); /* as api_forget */

#endif
