#include "net/http_conn_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <plugboard/secret.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "http/http_answer.h"
#include "net/admit.h"
#include "net/conn.h"
#include "net/http_routes.h"
#include "net/service.h"
#include "net/shown.h"
#include "net/stream.h"

/* A body that nobody wants is read and dropped up to this size, so that the connection can stay. */
#define BODY_MAX     65536u
/* How much a refused client may go on sending, see http_conn_answer.c. */
#define LINGER_BYTES (1u << 20)

static void on_ready(struct watch *watch, uint32_t events);
static void on_timer(struct timer *timer, uint64_t now_ms);

void http_conn_arm(struct http_conn *conn, uint64_t in_ms)
{
  timers_arm(&conn->env->timers, &conn->timer, conn->env->now_ms + in_ms);
}

bool http_conn_new(struct net_env *env, int fd, struct watch *former, const struct net_peer *peer,
                   bool counted, const struct door *door, uint64_t opened_ms, const char *refusal)
{
  struct http_conn *conn = block_alloc(sizeof *conn);
  if (!conn)
    return false;
  memset(conn, 0, sizeof *conn);
  conn->env = env;
  conn->watch = (struct watch){.fd = fd, .ready = on_ready, .newcomer = true};
  if (former)
    poller_move(&env->poller, former, &conn->watch);
  else if (!poller_add(&env->poller, &conn->watch, EPOLLIN)) {
    block_free(conn, sizeof *conn);
    return false;
  }
  conn->peer = *peer;
  conn->counted = counted;
  conn->door = (uint8_t)door->kind;
  conn->local = door->local;
  conn->opened_ms = opened_ms;
  timer_init(&conn->timer, on_timer);
  list_init(&conn->ready);
  list_append(&env->http_conns, &conn->link);
  timers_arm(&env->timers, &conn->timer, opened_ms + env->settings->connect_timeout_ms);
  if (refusal) {
    const struct http_fault fault = {.status = 400, .text = refusal};
    (void)http_conn_refuse(conn, &fault, false);
  }
  return true;
}

/* The socket stays open. */
static void conn_free(struct http_conn *conn)
{
  timers_stop(&conn->env->timers, &conn->timer);
  list_remove(&conn->link);
  list_remove(&conn->ready);
  http_task_free(conn->task);
  buf_free(&conn->in);
  buf_free(&conn->out);
  block_free(conn, sizeof *conn);
}

void http_conn_end(struct http_conn *conn)
{
  struct net_env *env = conn->env;
  poller_remove(&env->poller, &conn->watch);
  stream_close(&conn->watch);
  net_socket_ended(env, conn->counted ? &conn->peer : NULL);
  conn_free(conn);
}

/* --- requests ----------------------------------------------------------------------------- */

static struct http_limits limits_of(const struct settings *settings)
{
  return (struct http_limits){.head_bytes = (uint32_t)settings->max_request_head,
                              .line_bytes = (uint32_t)settings->max_request_line,
                              .n_fields = (uint32_t)settings->max_request_headers};
}

/* The request asks for a WebSocket and may have one: rest is what came behind it. conn is gone
 * afterwards, whatever comes of it. */
static void hand_over(struct http_conn *conn, const struct http_head *head,
                      const struct http_reply *reply, char *rest, size_t len)
{
  struct net_env *env = conn->env;
  const struct service *service = net_service_at(env, reply->endpoint);
  const struct carrier *carrier = reply->sockjs_framing               ? &carrier_sockjs_websocket
                                  : service || reply->upgrade.deflate ? &carrier_websocket_whole
                                                                      : &carrier_websocket;
  struct buf *out = &env->scratch;
  out->len = 0;
  out->failed = false;
  ws_upgrade_put_answer(out, &reply->upgrade);
  struct conn *next = out->failed ? NULL
                                  : conn_new(env, conn->watch.fd, &conn->watch, carrier,
                                             &reply->peer, conn->counted, conn->opened_ms);
  if (!next) {
    conn->peer = reply->peer; /* the one that was counted */
    http_conn_end(conn);
    return;
  }
  if (env->session.access) {
    handshake_free(next->session.handshake);
    next->session.handshake = shown_take(head, &reply->upgrade, &reply->peer, next->watch.tls);
    plug_secret_wipe(rest - head->len, head->len);
  }
  conn_enter(next, reply->endpoint,
             reply->sockjs_framing ? CARRIED_BY_SOCKJS + SOCKJS_WEBSOCKET : CARRIED_BY_WEBSOCKET);
  if (reply->sockjs_framing)
    carrier_sockjs_websocket_begin(next, reply->endpoint, out);
  else if (carrier == &carrier_websocket_whole)
    carrier_websocket_whole_begin(next, service, reply->upgrade.deflate);
  conn_greet(next, str_from(out->data, out->len));
  conn_free(conn);
  if (service && service->opened)
    service->opened(next);
  if (len)
    conn_receive(next, rest, len);
}

/* The client of a proxy is known now: its address may have too many connections. */
static bool is_within_limits(struct http_conn *conn, struct http_reply *reply)
{
  if (conn->counted || !addresses_have_limits(conn->env->addresses))
    return true;
  conn->counted = admit_address(conn->env, &reply->peer);
  reply->fault = (struct http_fault){.status = 429,
                                     .text = "Too many connections from this address.",
                                     .header = "retry-after: 1\r\n"};
  return conn->counted;
}

/* The body of the request that has been answered, or is about to be, is read and dropped. */
static void begin_body(struct http_conn *conn, const struct http_head *head)
{
  http_body_begin(&conn->body, head);
  conn->lingered = 0;
  bool empty =
      head->framing == HTTP_NO_BODY || (head->framing == HTTP_SIZED && !head->content_length);
  conn->state = empty ? STATE_HEAD : STATE_BODY;
}

/* Bytes that cannot be read yet. False: conn is gone. */
static bool keep(struct http_conn *conn, struct plug_str rest)
{
  struct buf old = conn->in; /* which rest may lie in */
  conn->in = (struct buf){0};
  buf_put_str(&conn->in, rest);
  buf_free(&old);
  if (!conn->in.failed)
    return true;
  http_conn_end(conn);
  return false;
}

/* The request is complete. What comes of it may take its time, and conn along. */
static void serve(struct http_conn *conn, struct plug_str rest)
{
  if (!keep(conn, rest))
    return;
  conn->state = STATE_SERVING;
  conn->reading = false;
  list_remove(&conn->ready);
  timers_stop(&conn->env->timers, &conn->timer);
  conn->task->kind->serve(conn->env, conn);
}

static bool refuse_body(struct http_conn *conn)
{
  struct http_fault fault = {0};
  conn->task->kind->too_large(&fault);
  return http_conn_refuse(conn, &fault, false);
}

/* The body of a request that is to be served is read. False: conn is gone, or served. */
static bool collect(struct http_conn *conn, const struct http_head *head,
                    const struct http_reply *reply, char *rest_bytes, size_t len)
{
  struct plug_str rest = str_from(rest_bytes, len);
  struct http_task *task = conn->task = reply->task;
  task->peer = reply->peer;
  task->tls = conn->watch.tls;
  task->minor = head->minor;
  if (task->kind->begin)
    task->kind->begin(task, conn->env, head);
  conn->close = !head->keep_alive || conn->env->quiet;
  begin_body(conn, head);
  if (conn->env->session.access || task->kind->has_secrets)
    plug_secret_wipe(rest_bytes - head->len, head->len);
  if (conn->state == STATE_HEAD) {
    serve(conn, rest);
    return false;
  }
  if (head->framing == HTTP_SIZED && head->content_length > task->max_body)
    return refuse_body(conn);
  conn->state = STATE_COLLECT;
  conn->reading = true;
  http_conn_arm(conn, conn->env->settings->connect_timeout_ms);
  /* RFC 9110 10.1.1. An empty socket takes it. */
  struct plug_str go_on = STR("HTTP/1.1 100 Continue\r\n\r\n");
  if (head->wants_continue && !rest.len &&
      stream_send(conn->env, &conn->watch, go_on) != (ssize_t)go_on.len) {
    http_conn_end(conn);
    return false;
  }
  return true;
}

/* False: conn is gone, or served. */
static bool collect_more(struct http_conn *conn, struct plug_str *rest)
{
  struct http_fault fault;
  struct buf *body = &conn->task->body;
  for (;;) {
    struct plug_str piece;
    enum http_result result = http_body_read(&conn->body, rest, &piece, &fault);
    if (result == HTTP_DONE) {
      serve(conn, *rest);
      return false;
    }
    if (result == HTTP_REFUSED)
      return http_conn_refuse(conn, &fault, false);
    if (!piece.len)
      return true;
    if (body->len + piece.len > conn->task->max_body)
      return refuse_body(conn);
    buf_put_str(body, piece);
    if (body->failed) {
      http_conn_end(conn);
      return false;
    }
  }
}

/* False: conn is gone, served, or has been handed over. */
static bool handle(struct http_conn *conn, const struct http_head *head, char *rest, size_t len)
{
  struct http_reply reply = {.answer = {.head_only = head->method == HTTP_HEAD}};
  struct http_request request = {.head = head,
                                 .peer = &conn->peer,
                                 .tls = conn->watch.tls,
                                 .door = conn->door,
                                 .local = conn->local};
  COUNT(requests);
  switch (http_route(conn->env, &request, &reply)) {
  case HTTP_ROUTE_REFUSED:
    return http_conn_refuse(conn, &reply.fault, reply.answer.head_only);
  case HTTP_ROUTE_UPGRADE:
    if (!is_within_limits(conn, &reply))
      return http_conn_refuse(conn, &reply.fault, false);
    hand_over(conn, head, &reply, rest, len);
    return false;
  case HTTP_ROUTE_SERVE:
    return collect(conn, head, &reply, rest, len);
  case HTTP_ROUTE_ANSWER:
    break;
  }
  /* RFC 9110 10.1.1: who waits for a 100 gets the answer instead, and what it sends then is not
   * certain. */
  bool body_too_large = head->framing == HTTP_SIZED && head->content_length > BODY_MAX;
  conn->close = !head->keep_alive || head->wants_continue || body_too_large || conn->env->quiet;
  reply.answer.close = conn->close;
  begin_body(conn, head);
  struct plug_str page = str_from(NULL, 0);
  if (reply.page) {
    const struct buf *body = &reply.page->body;
    http_answer_put_head(&conn->out, &reply.answer, head->minor, body->len);
    if (!reply.answer.head_only)
      page = str_from(body->data, body->len);
  } else if (reply.text) {
    http_answer_put_text(&conn->out, &reply.answer, head->minor, reply.text);
  } else {
    http_answer_put_head(&conn->out, &reply.answer, head->minor, reply.body.len);
    if (!reply.answer.head_only)
      buf_put_str(&conn->out, reply.body);
  }
  return http_conn_send(conn, page);
}

/* The reading of a body that is dropped. False: conn is gone. */
static bool skip_body(struct http_conn *conn, struct plug_str *rest)
{
  struct http_fault fault;
  for (;;) {
    struct plug_str piece;
    enum http_result result = http_body_read(&conn->body, rest, &piece, &fault);
    if (result == HTTP_DONE) {
      conn->state = STATE_HEAD;
      return true;
    }
    if (result == HTTP_REFUSED)
      return http_conn_refuse(conn, &fault, false);
    if (!piece.len)
      return true;
    conn->lingered += (uint32_t)piece.len;
    if (conn->lingered > BODY_MAX) {
      fault = (struct http_fault){.status = 413, .text = "The body of the request is too large."};
      return http_conn_refuse(conn, &fault, false);
    }
  }
}

/* All that has come and has not been read yet, in memory that may be written to. */
static void process(struct http_conn *conn, char *bytes, size_t len)
{
  static _Thread_local struct http_head head;
  struct http_limits limits = limits_of(conn->env->settings);
  struct plug_str rest = str_from(bytes, len);
  while (rest.len && !http_conn_is_answering(conn) && conn->state != STATE_LINGER) {
    struct http_fault fault;
    if (conn->state == STATE_BODY || conn->state == STATE_COLLECT) {
      if (!(conn->state == STATE_BODY ? skip_body : collect_more)(conn, &rest))
        return;
      continue;
    }
    switch (http_head_read(&conn->reader, &limits, rest.ptr, rest.len, &head, &fault)) {
    case HTTP_MORE:
      if (conn->n_requests && !conn->reading) /* of the first one it runs from the beginning */
        http_conn_arm(conn, conn->env->settings->connect_timeout_ms);
      conn->reading = true;
      (void)keep(conn, rest);
      return;
    case HTTP_REFUSED:
      if (!http_conn_refuse(conn, &fault, false))
        return;
      continue;
    case HTTP_DONE:
      rest = str_from(rest.ptr + head.len, rest.len - head.len);
      if (!handle(conn, &head, bytes + (rest.ptr - bytes), rest.len))
        return;
    }
  }
  if (conn->state != STATE_LINGER)
    (void)keep(conn, rest);
}

/* --- reading ------------------------------------------------------------------------------ */

static void linger(struct http_conn *conn, size_t len)
{
  conn->lingered += (uint32_t)len;
  if (conn->lingered > LINGER_BYTES)
    http_conn_end(conn);
}

static void read_some(struct http_conn *conn)
{
  struct net_env *env = conn->env;
  size_t have = conn->in.len;
  /* What is kept behind a request that has been answered is read first, at the end of the turn:
   * there may be more of it than the buffer has room for beside what comes now. */
  if (!list_empty(&conn->ready)) {
    poller_again(&env->poller, &conn->watch, EPOLLIN);
    return;
  }
  /* A head is smaller than the buffer (see settings), so there is room behind what is kept. */
  invariant(have < NET_READ_BYTES);
  if (have)
    memcpy(env->rx, conn->in.data, have);
  ssize_t n = stream_recv(env, &conn->watch, env->rx + have, NET_READ_BYTES - have);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return;
  if (n <= 0) {
    http_conn_end(conn);
    return;
  }
  if (conn->state == STATE_LINGER)
    linger(conn, (size_t)n);
  else
    process(conn, env->rx, have + (size_t)n);
}

void http_conn_process_kept(struct http_conn *conn)
{
  size_t len = conn->in.len;
  if (!len || conn->state == STATE_LINGER)
    return;
  memcpy(conn->env->rx, conn->in.data, len);
  process(conn, conn->env->rx, len);
}

static void on_ready(struct watch *watch, uint32_t events)
{
  struct http_conn *conn = container_of(watch, struct http_conn, watch);
  if (conn->parked) { /* its client has left */
    http_conn_end(conn);
    return;
  }
  if (http_conn_is_answering(conn)) {
    if (http_conn_write(conn) && !http_conn_is_answering(conn))
      http_conn_process_kept(conn);
    return;
  }
  if (conn->streaming) { /* its client has left */
    http_conn_end(conn);
    return;
  }
  (void)events;
  read_some(conn);
}

/* --- time --------------------------------------------------------------------------------- */

static void on_timer(struct timer *timer, uint64_t now_ms)
{
  struct http_conn *conn = container_of(timer, struct http_conn, timer);
  (void)now_ms;
  /* Who has said nothing is told nothing: browsers open connections that they may need later. */
  bool half_a_request = conn->state == STATE_BODY || conn->state == STATE_COLLECT || conn->in.len;
  if (http_conn_is_answering(conn) || conn->state == STATE_LINGER || !half_a_request) {
    if (!conn->n_requests && conn->state == STATE_HEAD)
      COUNT(closed_connect_timeout);
    http_conn_end(conn);
    return;
  }
  struct http_fault fault = {.status = 408, .text = "The request did not come in time."};
  COUNT(closed_connect_timeout);
  (void)http_conn_refuse(conn, &fault, false);
}

bool http_conn_is_idle(const struct http_conn *conn)
{
  return !http_conn_is_answering(conn) &&
         (conn->state == STATE_LINGER || (conn->state == STATE_HEAD && !conn->in.len));
}
