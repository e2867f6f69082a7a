#include "net/http_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plugboard/secret.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "http/http_answer.h"
#include "http/http_body.h"
#include "http/http_head.h"
#include "net/admit.h"
#include "net/conn.h"
#include "net/http_routes.h"
#include "net/sender.h"
#include "net/service.h"
#include "net/shown.h"
#include "net/sockjs_request.h"

/* A body that nobody wants is read and dropped up to this size, so that the connection can stay. */
#define BODY_MAX     65536u
/* How long, and how much, a refused client may go on sending before the socket is closed: closing
 * at once would reset the connection, and the client would not read why it was refused. */
#define LINGER_MS    2000u
#define LINGER_BYTES (1u << 20)

enum state {
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
  struct sockjs_request *request; /* that is collected or served, or NULL */
  struct net_peer peer;
  bool counted; /* in the limits of its address */
  uint8_t state;
  bool close; /* the answer that is under way is the last */
  bool parked;
  bool reading; /* a request has begun: its time runs */
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

static void on_ready(struct watch *watch, uint32_t events);
static void on_timer(struct timer *timer, uint64_t now_ms);

static void arm(struct http_conn *conn, uint64_t in_ms)
{
  timers_arm(&conn->env->timers, &conn->timer, conn->env->now_ms + in_ms);
}

bool http_conn_new(struct net_env *env, int fd, struct watch *former, const struct net_peer *peer,
                   bool counted, uint64_t opened_ms)
{
  struct http_conn *conn = malloc(sizeof *conn);
  if (!conn)
    return false;
  memset(conn, 0, sizeof *conn);
  conn->env = env;
  conn->watch = (struct watch){.fd = fd, .ready = on_ready, .newcomer = true};
  if (former)
    poller_move(&env->poller, former, &conn->watch);
  else if (!poller_add(&env->poller, &conn->watch, EPOLLIN)) {
    free(conn);
    return false;
  }
  conn->peer = *peer;
  conn->counted = counted;
  conn->opened_ms = opened_ms;
  timer_init(&conn->timer, on_timer);
  list_init(&conn->ready);
  list_append(&env->http_conns, &conn->link);
  timers_arm(&env->timers, &conn->timer, opened_ms + env->settings->connect_timeout_ms);
  return true;
}

/* The socket stays open. */
static void conn_free(struct http_conn *conn)
{
  timers_stop(&conn->env->timers, &conn->timer);
  list_remove(&conn->link);
  list_remove(&conn->ready);
  sockjs_request_free(conn->request);
  buf_free(&conn->in);
  buf_free(&conn->out);
  free(conn);
}

static void end(struct http_conn *conn)
{
  struct net_env *env = conn->env;
  poller_remove(&env->poller, &conn->watch);
  close(conn->watch.fd);
  net_socket_ended(env, conn->counted ? &conn->peer : NULL);
  conn_free(conn);
}

static bool is_answering(const struct http_conn *conn)
{
  return conn->out_at < conn->out.len || conn->page.len;
}

/* Behind an answer that the client does not read nothing is read, so it costs nothing. */
static bool watch_again(struct http_conn *conn)
{
  uint32_t events = is_answering(conn) ? (uint32_t)EPOLLOUT
                    : conn->parked     ? (uint32_t)EPOLLRDHUP
                                       : (uint32_t)EPOLLIN;
  if (poller_want(&conn->env->poller, &conn->watch, events))
    return true;
  end(conn);
  return false;
}

/* --- answering ---------------------------------------------------------------------------- */

/* The next request's time begins. */
static void await_request(struct http_conn *conn)
{
  const struct settings *settings = conn->env->settings;
  conn->n_requests++;
  conn->reading = conn->state == STATE_BODY;
  arm(conn, conn->reading ? settings->connect_timeout_ms : settings->keep_alive_ms);
}

static void begin_linger(struct http_conn *conn)
{
  shutdown(conn->watch.fd, SHUT_WR);
  buf_free(&conn->in);
  conn->state = STATE_LINGER;
  conn->lingered = 0;
  arm(conn, LINGER_MS);
}

/* The answer is out. False: conn is gone. */
static bool finish(struct http_conn *conn)
{
  bool served = conn->state == STATE_SERVING;
  if (served) {
    sockjs_request_free(conn->request);
    conn->request = NULL;
    conn->state = STATE_HEAD;
    /* What comes by it next may be messages. */
    if (!poller_settle(&conn->env->poller, &conn->watch)) {
      end(conn);
      return false;
    }
  }
  if (conn->close) {
    begin_linger(conn);
  } else {
    await_request(conn);
    /* Not here: the service may be in the midst of something. */
    if (served && conn->in.len && list_empty(&conn->ready))
      list_append(&conn->env->http_ready, &conn->ready);
  }
  return watch_again(conn);
}

/* Bytes of the answer that could be written; false: the connection is over. */
static bool send_bytes(struct http_conn *conn, struct plug_str *bytes)
{
  ssize_t sent = sender_send(conn->watch.fd, *bytes);
  if (sent < 0 && sent != -EAGAIN && sent != -EWOULDBLOCK && sent != -ENOBUFS)
    return false;
  if (sent > 0) {
    COUNT_BY(bytes_out, sent);
    *bytes = str_from(bytes->ptr + sent, bytes->len - (size_t)sent);
  }
  return true;
}

/* Writes as much of the answer as the socket takes. False: conn is gone. */
static bool write_answer(struct http_conn *conn)
{
  struct plug_str head = str_from(conn->out.data + conn->out_at, conn->out.len - conn->out_at);
  size_t before = head.len + conn->page.len;
  bool well = !head.len || send_bytes(conn, &head);
  if (well && !head.len && conn->page.len)
    well = send_bytes(conn, &conn->page);
  if (!well) {
    end(conn);
    return false;
  }
  conn->out_at = (uint32_t)(conn->out.len - head.len);
  if (head.len + conn->page.len) {
    /* A client that takes nothing for send-timeout is given up. */
    if (head.len + conn->page.len < before || !(conn->watch.events & EPOLLOUT))
      arm(conn, conn->env->settings->send_timeout_ms);
    return watch_again(conn);
  }
  buf_free(&conn->out);
  conn->out_at = 0;
  return finish(conn);
}

/* What is in conn->out, and page behind it. False: conn is gone. */
static bool answer(struct http_conn *conn, struct plug_str page)
{
  if (conn->out.failed) {
    end(conn);
    return false;
  }
  conn->page = page;
  return write_answer(conn);
}

static bool refuse(struct http_conn *conn, const struct http_fault *fault, bool head_only)
{
  struct http_answer refusal = {
      .status = fault->status, .headers = fault->header, .close = true, .head_only = head_only};
  COUNT(requests_refused);
  conn->close = true;
  http_answer_put_text(&conn->out, &refusal, 1, fault->text);
  return answer(conn, str_from(NULL, 0));
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
    end(conn);
    return;
  }
  if (env->session.access) {
    handshake_free(next->session.handshake);
    next->session.handshake = shown_take(head, &reply->upgrade, &reply->peer);
    plug_secret_wipe(rest - head->len, head->len);
  }
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
  if (conn->counted || !conn->env->addresses)
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
  end(conn);
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
  sockjs_serve(conn->env, conn);
}

static const struct http_fault message_too_large = {
    .status = 413, .text = "The body is larger than max-sockjs-message allows."};

static bool refuse_message(struct http_conn *conn)
{
  COUNT(refused_sockjs_message);
  return refuse(conn, &message_too_large, false);
}

/* The body of a request that is to be served is read. False: conn is gone, or served. */
static bool collect(struct http_conn *conn, const struct http_head *head,
                    const struct http_reply *reply, char *rest_bytes, size_t len)
{
  struct plug_str rest = str_from(rest_bytes, len);
  conn->request = reply->sockjs;
  conn->request->peer = reply->peer;
  if (conn->env->session.access) {
    if (!sockjs_transport_sends(conn->request->transport))
      conn->request->handshake = shown_take(head, NULL, &reply->peer);
    plug_secret_wipe(rest_bytes - head->len, head->len);
  }
  conn->close = !head->keep_alive || conn->env->quiet;
  begin_body(conn, head);
  if (conn->state == STATE_HEAD) {
    serve(conn, rest);
    return false;
  }
  if (head->framing == HTTP_SIZED && head->content_length > conn->env->settings->max_sockjs_message)
    return refuse_message(conn);
  conn->state = STATE_COLLECT;
  conn->reading = true;
  arm(conn, conn->env->settings->connect_timeout_ms);
  /* RFC 9110 10.1.1. An empty socket takes it. */
  struct plug_str go_on = STR("HTTP/1.1 100 Continue\r\n\r\n");
  if (head->wants_continue && !rest.len &&
      sender_send(conn->watch.fd, go_on) != (ssize_t)go_on.len) {
    end(conn);
    return false;
  }
  return true;
}

/* False: conn is gone, or served. */
static bool collect_more(struct http_conn *conn, struct plug_str *rest)
{
  struct http_fault fault;
  struct buf *body = &conn->request->body;
  for (;;) {
    struct plug_str piece;
    enum http_result result = http_body_read(&conn->body, rest, &piece, &fault);
    if (result == HTTP_DONE) {
      serve(conn, *rest);
      return false;
    }
    if (result == HTTP_REFUSED)
      return refuse(conn, &fault, false);
    if (!piece.len)
      return true;
    if (body->len + piece.len > conn->env->settings->max_sockjs_message)
      return refuse_message(conn);
    buf_put_str(body, piece);
    if (body->failed) {
      end(conn);
      return false;
    }
  }
}

/* False: conn is gone, served, or has been handed over. */
static bool handle(struct http_conn *conn, const struct http_head *head, char *rest, size_t len)
{
  struct http_reply reply = {.answer = {.head_only = head->method == HTTP_HEAD}};
  struct http_request request = {.head = head, .peer = &conn->peer};
  COUNT(requests);
  switch (http_route(conn->env, &request, &reply)) {
  case HTTP_ROUTE_REFUSED:
    return refuse(conn, &reply.fault, reply.answer.head_only);
  case HTTP_ROUTE_UPGRADE:
    if (!is_within_limits(conn, &reply))
      return refuse(conn, &reply.fault, false);
    hand_over(conn, head, &reply, rest, len);
    return false;
  case HTTP_ROUTE_SOCKJS:
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
  return answer(conn, page);
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
      return refuse(conn, &fault, false);
    if (!piece.len)
      return true;
    conn->lingered += (uint32_t)piece.len;
    if (conn->lingered > BODY_MAX) {
      fault = (struct http_fault){.status = 413, .text = "The body of the request is too large."};
      return refuse(conn, &fault, false);
    }
  }
}

/* All that has come and has not been read yet, in memory that may be written to. */
static void process(struct http_conn *conn, char *bytes, size_t len)
{
  static _Thread_local struct http_head head;
  struct http_limits limits = limits_of(conn->env->settings);
  struct plug_str rest = str_from(bytes, len);
  while (rest.len && !is_answering(conn) && conn->state != STATE_LINGER) {
    struct http_fault fault;
    if (conn->state == STATE_BODY || conn->state == STATE_COLLECT) {
      if (!(conn->state == STATE_BODY ? skip_body : collect_more)(conn, &rest))
        return;
      continue;
    }
    switch (http_head_read(&conn->reader, &limits, rest.ptr, rest.len, &head, &fault)) {
    case HTTP_MORE:
      if (conn->n_requests && !conn->reading) /* of the first one it runs from the beginning */
        arm(conn, conn->env->settings->connect_timeout_ms);
      conn->reading = true;
      (void)keep(conn, rest);
      return;
    case HTTP_REFUSED:
      if (!refuse(conn, &fault, false))
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
    end(conn);
}

static void read_some(struct http_conn *conn)
{
  struct net_env *env = conn->env;
  size_t have = conn->in.len;
  /* A head is smaller than the buffer (see settings), so there is room behind what is kept. */
  if (have)
    memcpy(env->rx, conn->in.data, have);
  ssize_t n = recv(conn->watch.fd, env->rx + have, NET_READ_BYTES - have, 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return;
  if (n <= 0) {
    end(conn);
    return;
  }
  COUNT_BY(bytes_in, n);
  if (conn->state == STATE_LINGER)
    linger(conn, (size_t)n);
  else
    process(conn, env->rx, have + (size_t)n);
}

/* What came behind a request that has been answered now. */
static void process_kept(struct http_conn *conn)
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
    end(conn);
    return;
  }
  if (is_answering(conn)) {
    if (write_answer(conn) && !is_answering(conn))
      process_kept(conn);
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
  if (is_answering(conn) || conn->state == STATE_LINGER || !half_a_request) {
    if (!conn->n_requests && conn->state == STATE_HEAD)
      COUNT(closed_connect_timeout);
    end(conn);
    return;
  }
  struct http_fault fault = {.status = 408, .text = "The request did not come in time."};
  COUNT(closed_connect_timeout);
  (void)refuse(conn, &fault, false);
}

/* Nothing is owed to its client: no answer to a request that has come. */
static bool is_idle(const struct http_conn *conn)
{
  return !is_answering(conn) &&
         (conn->state == STATE_LINGER || (conn->state == STATE_HEAD && !conn->in.len));
}

/* --- services ----------------------------------------------------------------------------- */

struct sockjs_request *http_conn_request(const struct http_conn *conn)
{
  return conn->request;
}

void http_conn_put_head(struct http_conn *conn, struct buf *out, struct http_answer *answer,
                        size_t body_len)
{
  unsigned minor = conn->request->minor;
  if (body_len == HTTP_STREAMED && minor == 0)
    conn->close = true;
  answer->close = conn->close;
  http_answer_put_head(out, answer, minor, body_len);
}

bool http_conn_answer(struct http_conn *conn, struct http_answer *head, struct plug_str body)
{
  http_conn_put_head(conn, &conn->out, head, body.len);
  buf_put_str(&conn->out, body);
  return answer(conn, str_from(NULL, 0));
}

bool http_conn_answer_whole(struct http_conn *conn, struct plug_str bytes)
{
  buf_put_str(&conn->out, bytes);
  return answer(conn, str_from(NULL, 0));
}

struct watch *http_conn_watch(struct http_conn *conn)
{
  return &conn->watch;
}

void http_conn_return(struct http_conn *conn)
{
  (void)finish(conn);
}

void http_conn_drop(struct http_conn *conn)
{
  end(conn);
}

void http_conn_park(struct http_conn *conn, struct list *list)
{
  conn->parked = true;
  list_append(list, &conn->ready);
  (void)watch_again(conn);
}

struct http_conn *http_conn_unpark(struct list *list)
{
  struct list *node = list_first(list);
  if (!node)
    return NULL;
  struct http_conn *conn = container_of(node, struct http_conn, ready);
  list_remove(node);
  conn->parked = false;
  return conn;
}

void http_conn_hand(struct http_conn *conn, struct net_env *to)
{
  struct net_env *from = conn->env;
  if (!poller_want(&from->poller, &conn->watch, 0)) {
    end(conn);
    return;
  }
  poller_remove(&from->poller, &conn->watch);
  list_remove(&conn->link);
  if (mpsc_push(&to->handed, &conn->handed))
    poller_wake(&to->poller);
}

void http_conns_take(struct net_env *env, bool serve_them)
{
  struct mpsc_node *node = mpsc_take(&env->handed);
  while (node) {
    struct http_conn *conn = container_of(node, struct http_conn, handed);
    node = node->next;
    conn->env = env;
    list_append(&env->http_conns, &conn->link);
    if (serve_them && poller_add(&env->poller, &conn->watch, EPOLLIN))
      sockjs_serve(env, conn);
    else
      end(conn);
  }
}

bool http_conns_resume(struct net_env *env)
{
  struct list *node, *last = env->http_ready.prev;
  if (list_empty(&env->http_ready))
    return false;
  while ((node = list_first(&env->http_ready))) {
    list_remove(node);
    process_kept(container_of(node, struct http_conn, ready));
    if (node == last)
      break;
  }
  return true;
}

void http_conns_drain(struct net_env *env)
{
  struct list *node = env->http_conns.next, *next;
  for (; node != &env->http_conns; node = next) {
    struct http_conn *conn = container_of(node, struct http_conn, link);
    next = node->next;
    if (is_idle(conn))
      end(conn);
    else
      conn->close = true;
  }
}

void http_conns_cut(struct net_env *env)
{
  struct list *node;
  while ((node = list_first(&env->http_conns)))
    end(container_of(node, struct http_conn, link));
}
