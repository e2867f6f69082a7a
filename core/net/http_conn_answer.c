#include "net/http_conn_inner.h"

#include <errno.h>

#include "base/counter.h"
#include "base/str.h"
#include "http/http_answer.h"
#include "net/stream.h"

/* How long a refused client may go on sending before the socket is closed: closing at once would
 * reset the connection, and the client would not read why it was refused. */
#define LINGER_MS 2000u

/* Behind an answer that the client does not read nothing is read, so it costs nothing. */
bool http_conn_watch_again(struct http_conn *conn)
{
  uint32_t events = http_conn_is_answering(conn)      ? (uint32_t)EPOLLOUT
                    : conn->parked || conn->streaming ? (uint32_t)EPOLLRDHUP
                                                      : (uint32_t)EPOLLIN;
  if (poller_want(&conn->env->poller, &conn->watch, events))
    return true;
  http_conn_end(conn);
  return false;
}

/* --- answering ---------------------------------------------------------------------------- */

/* The next request's time begins. */
static void await_request(struct http_conn *conn)
{
  const struct settings *settings = conn->env->settings;
  conn->n_requests++;
  conn->reading = conn->state == STATE_BODY;
  http_conn_arm(conn, conn->reading ? settings->connect_timeout_ms : settings->keep_alive_ms);
}

static void begin_linger(struct http_conn *conn)
{
  stream_shutdown(&conn->watch);
  buf_free(&conn->in);
  conn->state = STATE_LINGER;
  conn->lingered = 0;
  http_conn_arm(conn, LINGER_MS);
}

/* The answer is out. False: conn is gone. */
static bool finish(struct http_conn *conn)
{
  bool served = conn->state == STATE_SERVING;
  if (served) {
    http_task_free(conn->task);
    conn->task = NULL;
    conn->state = STATE_HEAD;
    /* What comes by it next may be messages. */
    if (!conn->close && !poller_settle(&conn->env->poller, &conn->watch)) {
      http_conn_end(conn);
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
  return http_conn_watch_again(conn);
}

/* Bytes of the answer that could be written; false: the connection is over. */
static bool send_bytes(struct http_conn *conn, struct plug_str *bytes)
{
  ssize_t sent = stream_send(conn->env, &conn->watch, *bytes);
  if (sent < 0 && sent != -EAGAIN && sent != -EWOULDBLOCK && sent != -ENOBUFS)
    return false;
  if (sent > 0)
    *bytes = str_from(bytes->ptr + sent, bytes->len - (size_t)sent);
  return true;
}

/* Writes as much of the answer as the socket takes. False: conn is gone. */
bool http_conn_write(struct http_conn *conn)
{
  struct plug_str head = str_from(conn->out.data + conn->out_at, conn->out.len - conn->out_at);
  size_t before = head.len + conn->page.len + stream_rest(&conn->watch);
  int flushed = stream_flush(&conn->watch);
  bool well = (!flushed || flushed == -EAGAIN) && (!head.len || send_bytes(conn, &head));
  if (well && !head.len && conn->page.len)
    well = send_bytes(conn, &conn->page);
  if (!well) {
    http_conn_end(conn);
    return false;
  }
  conn->out_at = (uint32_t)(conn->out.len - head.len);
  size_t left = head.len + conn->page.len + stream_rest(&conn->watch);
  if (left) {
    /* A client that takes nothing for send-timeout is given up. */
    if (left < before || !(conn->watch.events & EPOLLOUT))
      http_conn_arm(conn, conn->env->settings->send_timeout_ms);
    return http_conn_watch_again(conn);
  }
  buf_free(&conn->out);
  conn->out_at = 0;
  if (!conn->streaming)
    return finish(conn);
  timers_stop(&conn->env->timers, &conn->timer);
  return http_conn_watch_again(conn);
}

/* What is in conn->out, and page behind it. False: conn is gone. */
bool http_conn_send(struct http_conn *conn, struct plug_str page)
{
  if (conn->out.failed) {
    http_conn_end(conn);
    return false;
  }
  conn->page = page;
  return http_conn_write(conn);
}

/* A fault as the service of the request writes it, or as a line of text. */
static void put_refusal(struct http_conn *conn, struct http_answer *refusal,
                        const struct http_fault *fault)
{
  struct buf body = {0};
  const struct http_task *task = conn->task;
  if (!task || !task->kind->put_fault) {
    http_answer_put_text(&conn->out, refusal, 1, fault->text);
    return;
  }
  refusal->type = task->kind->put_fault(fault, &body);
  http_answer_put_head(&conn->out, refusal, 1, body.len);
  buf_put_str(&conn->out, str_from(body.data, body.len));
  conn->out.failed |= body.failed;
  buf_free(&body);
}

bool http_conn_refuse(struct http_conn *conn, const struct http_fault *fault, bool head_only)
{
  struct http_answer refusal = {
      .status = fault->status, .headers = fault->header, .close = true, .head_only = head_only};
  COUNT(requests_refused);
  conn->close = true;
  put_refusal(conn, &refusal, fault);
  return http_conn_send(conn, str_from(NULL, 0));
}

/* --- services ----------------------------------------------------------------------------- */

struct http_task *http_conn_task(const struct http_conn *conn)
{
  return conn->task;
}

void http_conn_put_head(struct http_conn *conn, struct buf *out, struct http_answer *answer,
                        size_t body_len)
{
  unsigned minor = conn->task->minor;
  if (body_len == HTTP_STREAMED && minor == 0)
    conn->close = true;
  answer->close = conn->close;
  http_answer_put_head(out, answer, minor, body_len);
}

bool http_conn_answer(struct http_conn *conn, struct http_answer *head, struct plug_str body)
{
  http_conn_put_head(conn, &conn->out, head, body.len);
  if (!conn->task->head_only)
    buf_put_str(&conn->out, body);
  return http_conn_send(conn, str_from(NULL, 0));
}

bool http_conn_answer_whole(struct http_conn *conn, struct plug_str bytes)
{
  buf_put_str(&conn->out, bytes);
  return http_conn_send(conn, str_from(NULL, 0));
}

bool http_conn_stream(struct http_conn *conn, struct http_answer *answer)
{
  conn->close = true; /* nobody waits for another request behind one without an end */
  http_conn_put_head(conn, &conn->out, answer, HTTP_STREAMED);
  if (!conn->task->head_only) {
    conn->streaming = true;
    return http_conn_send(conn, str_from(NULL, 0));
  }
  (void)http_conn_send(conn, str_from(NULL, 0));
  return false;
}

bool http_conn_put(struct http_conn *conn, struct plug_str bytes)
{
  char head[HTTP_CHUNK_HEAD_MAX];
  bool chunked = conn->task->minor != 0;
  if (conn->out_at > conn->out.len / 2) {
    buf_consume(&conn->out, conn->out_at);
    conn->out_at = 0;
  }
  if (chunked)
    buf_put(&conn->out, head, http_chunk_put_head(head, bytes.len));
  buf_put_str(&conn->out, bytes);
  if (chunked)
    buf_put_str(&conn->out, STR("\r\n"));
  if (conn->watch.events & EPOLLOUT && !conn->out.failed)
    return true; /* what is in front of it has not been taken, either */
  return http_conn_send(conn, str_from(NULL, 0));
}

size_t http_conn_unsent(const struct http_conn *conn)
{
  return conn->out.len - conn->out_at;
}

void http_conn_end_stream(struct http_conn *conn)
{
  conn->streaming = false;
  if (conn->task->minor)
    buf_put_str(&conn->out, STR(HTTP_LAST_CHUNK));
  (void)http_conn_send(conn, str_from(NULL, 0));
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
  http_conn_end(conn);
}

void http_conn_park(struct http_conn *conn, struct list *list)
{
  conn->parked = true;
  list_append(list, &conn->ready);
  (void)http_conn_watch_again(conn);
}

void http_conn_unpark_one(struct http_conn *conn)
{
  list_remove(&conn->ready);
  conn->parked = false;
}

struct http_conn *http_conn_unpark(struct list *list)
{
  struct list *node = list_first(list);
  if (!node)
    return NULL;
  struct http_conn *conn = container_of(node, struct http_conn, ready);
  http_conn_unpark_one(conn);
  return conn;
}

void http_conn_hand(struct http_conn *conn, struct net_env *to)
{
  struct net_env *from = conn->env;
  if (!poller_want(&from->poller, &conn->watch, 0)) {
    http_conn_end(conn);
    return;
  }
  poller_remove(&from->poller, &conn->watch);
  list_remove(&conn->link);
  COUNT_BY(connections, -1); /* it is the other worker's */
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
    COUNT(connections);
    list_append(&env->http_conns, &conn->link);
    if (serve_them && poller_add(&env->poller, &conn->watch, EPOLLIN))
      conn->task->kind->serve(env, conn);
    else
      http_conn_end(conn);
  }
}

bool http_conns_resume(struct net_env *env)
{
  struct list *node, *last = env->http_ready.prev;
  if (list_empty(&env->http_ready))
    return false;
  while ((node = list_first(&env->http_ready))) {
    list_remove(node);
    http_conn_process_kept(container_of(node, struct http_conn, ready));
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
    if (http_conn_is_idle(conn)) {
      http_conn_end(conn);
      continue;
    }
    conn->close = true;
    if (conn->task && conn->task->kind->stop && conn->state == STATE_SERVING)
      conn->task->kind->stop(conn);
  }
}

void http_conns_cut(struct net_env *env)
{
  struct list *node;
  while ((node = list_first(&env->http_conns)))
    http_conn_end(container_of(node, struct http_conn, link));
}
