/* A request that is served once all of its body is here: what its http_conn knows of it. Embedded
 * in what its service knows of it, as sockjs_request. The http_conn owns it. The thread of that. */
#ifndef NET_HTTP_TASK_H
#define NET_HTTP_TASK_H

#include "base/buf.h"
#include "http/http_head.h"
#include "net/peer.h"

struct http_conn;
struct http_task;
struct net_env;

struct http_task_kind {
  /* What is to be kept of the head, whose bytes are gone afterwards; or NULL. */
  void (*begin)(struct http_task *task, struct net_env *env, const struct http_head *head);
  /* The request is complete: it is answered, now or later. http may be gone, or another worker's,
   * afterwards. */
  void (*serve)(struct net_env *env, struct http_conn *http);
  void (*free)(struct http_task *task);
  /* The server stops while the request is served: ends it, if nobody else will. NULL: somebody
   * does. */
  void (*stop)(struct http_conn *http);
  /* The body is larger than max_body: counts it, and says so. */
  void (*too_large)(struct http_fault *fault);
  /* The body of a refusal and its type, or NULL: a line of text. */
  const char *(*put_fault)(const struct http_fault *fault, struct buf *out);
  bool has_secrets; /* in its head, always */
};

struct http_task {
  const struct http_task_kind *kind;
  struct net_peer peer; /* the client, which may be behind a proxy */
  struct buf body;
  size_t max_body;
  const struct tls_stream *tls; /* until begin has returned: what the request came by, or NULL */
  uint8_t minor;                /* of the request's HTTP version */
  bool head_only;               /* http_conn_answer is to leave the body out */
};

/* NULL is nothing. */
static inline void http_task_free(struct http_task *task)
{
  if (task)
    task->kind->free(task);
}

#endif
