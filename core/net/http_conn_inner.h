/* An http_conn from within: what its two halves share, the one that reads requests (http_conn.c)
 * and the one that writes answers (http_conn_answer.c). Private to these. Worker's thread only. */
#ifndef NET_HTTP_CONN_INNER_H
#define NET_HTTP_CONN_INNER_H

#include "http/http_body.h"
#include "net/env.h"
#include "net/http_conn.h"
#include "net/http_task.h"
#include "net/stream.h"

enum http_conn_state {
  STATE_HEAD,
  STATE_BODY,    /* of a request that has been answered: dropped */
  STATE_COLLECT, /* of one that is to be served */
  STATE_SERVING, /* a service has the request, and perhaps the socket */
  STATE_LINGER
};

struct http_conn {
  struct net_env *env;
  struct watch watch;
  struct timer timer;
  struct list link;
  struct list ready; /* in net_env.http_ready, or a service's list of parked ones, or empty */
  struct mpsc_node handed;
  struct http_task *task; /* the request that is collected or served, or NULL */
  struct net_peer peer;
  bool counted; /* in the limits of its address */
  uint8_t state;
  bool close; /* the answer that is under way is the last */
  bool parked;
  bool streaming; /* the answer has no end yet */
  bool local;     /* it came in by a Unix socket */
  uint8_t door;   /* by a door of which kind: enum door_kind */
  bool reading;   /* a request has begun: its time runs */
  uint32_t n_requests;
  struct http_reader reader;
  uint32_t lingered;  /* bytes dropped in STATE_LINGER, or of a body */
  uint64_t opened_ms; /* when the client came */
  struct http_body body;
  struct buf in;        /* what has come of a head, or behind a request that is being answered */
  struct buf out;       /* what the socket did not take of an answer, from out_at on */
  struct plug_str page; /* what follows it: part of a page, which lives as long as the server */
  uint32_t out_at;
};

/* --- http_conn.c --------------------------------------------------------------------------- */

void http_conn_arm(struct http_conn *conn, uint64_t in_ms);
void http_conn_end(struct http_conn *conn); /* conn is gone */
/* What came behind a request that has been answered now. */
void http_conn_process_kept(struct http_conn *conn);
/* Nothing is owed to its client: no answer to a request that has come. */
bool http_conn_is_idle(const struct http_conn *conn);

/* --- http_conn_answer.c -------------------------------------------------------------------- */

static inline bool http_conn_is_answering(const struct http_conn *conn)
{
  return conn->out_at < conn->out.len || conn->page.len || stream_is_blocked(&conn->watch);
}

/* What is in conn->out, and page behind it. False: conn is gone, here and below. */
bool http_conn_send(struct http_conn *conn, struct plug_str page);
/* Writes as much of the answer as the socket takes. */
bool http_conn_write(struct http_conn *conn);
/* An answer after which the connection ends. */
bool http_conn_refuse(struct http_conn *conn, const struct http_fault *fault, bool head_only);
/* Waits for what is due now. */
bool http_conn_watch_again(struct http_conn *conn);

#endif
