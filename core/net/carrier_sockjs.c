/* STOMP over SockJS over HTTP requests: one request at a time, the receiver, waits for what the
 * session has to say, as a long poll or a stream; others bring what the client has to say. Between
 * two receivers the connection has no socket, and its queue waits as that of a full one would. */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/counter.h"
#include "base/str.h"
#include "net/admit.h"
#include "net/conn.h"
#include "net/http_conn.h"
#include "net/service.h"
#include "net/sockjs_answer.h"
#include "sockjs/sockjs_frame.h"
#include "sockjs/sockjs_message.h"

struct sockjs_conn {
  struct conn conn;
  struct sockjs_entry entry;
  struct sockjs_session sockjs;
  struct http_conn *receiver;    /* whose socket the connection has, or NULL */
  struct list senders;           /* parked: the session has not read their messages yet */
  char *key;                     /* of the entry */
  const struct service *service; /* NULL: STOMP */
  bool finishing;                /* the end of the receiver's answer is under way */
  bool over;                     /* nobody is told anything any more */
  bool counted;                  /* in the limits of its client's address */
};

static struct sockjs_conn *sockjs_of(struct conn *conn)
{
  return container_of(conn, struct sockjs_conn, conn);
}

static struct sockjs_request *request_of(const struct http_conn *http)
{
  return sockjs_request_of(http_conn_task(http));
}

static void put_close(struct buf *out, const struct conn *conn)
{
  const struct session *session = &conn->session;
  sockjs_put_close(out, session->close_code,
                   conn->session.terms->spring ? "" : session->close_reason);
}

/* --- the receiver ------------------------------------------------------------------------- */

static enum wire wire_for(const struct sockjs_request *request)
{
  enum wire wire = request->transport == SOCKJS_EVENTSOURCE ? WIRE_SOCKJS_EVENTSOURCE
                   : request->transport == SOCKJS_HTMLFILE  ? WIRE_SOCKJS_HTMLFILE
                                                            : WIRE_SOCKJS_XHR;
  return request->task.minor ? wire : wire - WIRE_SOCKJS_XHR + WIRE_SOCKJS_XHR_OLD;
}

static void receive_by(struct sockjs_conn *sock, struct http_conn *http)
{
  struct watch *watch = http_conn_watch(http);
  sock->receiver = http;
  sock->finishing = false;
  conn_attach(&sock->conn, watch->fd, watch, wire_for(request_of(http)));
  conn_arm(&sock->conn);
}

/* The socket goes back to its HTTP connection, which the caller answers, ends or lets go on. */
static struct http_conn *release(struct sockjs_conn *sock)
{
  struct http_conn *http = sock->receiver;
  sock->receiver = NULL;
  sock->finishing = false;
  sockjs_session_detach(&sock->sockjs, sock->conn.env->now_ms);
  sock->conn.close_due_ms = 0; /* a closed session waits from here on */
  conn_detach(&sock->conn, http_conn_watch(http));
  return http;
}

/* Answers a poll with a frame. */
static void answer_poll(struct sockjs_conn *sock, struct plug_str frame)
{
  sock->conn.session.last_tx_ms = sock->conn.env->now_ms;
  sock->conn.bytes_out += frame.len;
  if (!sockjs_answer_frame(release(sock), frame))
    conn_doom(&sock->conn);
}

static void begin_stream(struct sockjs_conn *sock, struct http_conn *http, bool open)
{
  struct buf *out = &sock->conn.env->scratch;
  out->len = 0;
  out->failed = false;
  sockjs_answer_put_begin(out, http);
  if (open)
    sockjs_answer_put_frame(out, request_of(http), STR(SOCKJS_OPEN));
  receive_by(sock, http);
  if (out->failed)
    conn_doom(&sock->conn);
  else
    (void)conn_write_raw(&sock->conn, str_from(out->data, out->len));
}

static void written(struct conn *conn)
{
  struct sockjs_conn *sock = sockjs_of(conn);
  if (!sock->receiver || conn->partial || !list_empty(&conn->doomed))
    return;
  if (!sock->finishing && sockjs_answer_streams(sock->receiver) &&
      sockjs_session_is_full(&sock->sockjs)) {
    sock->finishing = true;
    if (request_of(sock->receiver)->task.minor && !conn_write_raw(conn, STR(HTTP_LAST_CHUNK)))
      return;
  }
  if (sock->finishing)
    http_conn_return(release(sock));
}

static void sent(struct conn *conn, struct frame *frame)
{
  sockjs_session_sent(&sockjs_of(conn)->sockjs, wire_payload_len(frame, conn->wire));
}

/* All that is queued, or as much as an answer may carry, in one frame. */
static void answer_with_messages(struct sockjs_conn *sock)
{
  struct outq *queue = &sock->conn.session.out;
  struct buf frame = {0};
  uint32_t n = 0;
  buf_put_str(&frame, STR("a["));
  while (n < queue->count && (!n || frame.len < sock->sockjs.limits->stream_bytes)) {
    struct plug_str message = wire_bytes(outq_at(queue, n++), WIRE_JSON);
    if (!message.len)
      frame.failed = true;
    if (n > 1)
      buf_put_char(&frame, ',');
    buf_put_str(&frame, message);
  }
  buf_put_char(&frame, ']');
  if (frame.failed) {
    conn_doom(&sock->conn);
  } else {
    sock->conn.n_sent += n; /* it has no bursts, see struct outq.singly */
    outq_drop_front(queue, n);
    answer_poll(sock, str_from(frame.data, frame.len));
  }
  buf_free(&frame);
}

static bool pump(struct conn *conn)
{
  struct sockjs_conn *sock = sockjs_of(conn);
  if (sock->finishing)
    return true;
  if (!sock->receiver || sockjs_answer_streams(sock->receiver))
    return false;
  answer_with_messages(sock);
  return true;
}

/* --- time --------------------------------------------------------------------------------- */

static bool has_own_beats(const struct conn *conn)
{
  return conn->session.write_interval_ms != 0;
}

static uint64_t deadline(const struct conn *conn)
{
  const struct sockjs_session *sockjs = &sockjs_of((struct conn *)(uintptr_t)conn)->sockjs;
  if (!sockjs->limits) /* it is being made */
    return UINT64_MAX;
  return sockjs_session_deadline_ms(sockjs, conn->session.last_tx_ms, has_own_beats(conn));
}

static void beat(struct sockjs_conn *sock, uint64_t now_ms)
{
  struct conn *conn = &sock->conn;
  conn->session.last_tx_ms = now_ms; /* what is on its way to a full socket is as good */
  if (conn->session.out.count || conn->session.out.blocked || sock->finishing)
    return;
  if (!sockjs_answer_streams(sock->receiver)) {
    answer_poll(sock, STR(SOCKJS_BEAT));
    return;
  }
  struct frame *frame = wire_sockjs_frame((enum wire)conn->wire, STR(SOCKJS_BEAT));
  if (!frame)
    return;
  conn_queue(conn, frame);
  frame_unref(frame);
}

static void tick(struct conn *conn, uint64_t now_ms)
{
  struct sockjs_conn *sock = sockjs_of(conn);
  switch (
      sockjs_session_tick(&sock->sockjs, conn->session.last_tx_ms, has_own_beats(conn), now_ms)) {
  case SOCKJS_DUE_BEAT:
    beat(sock, now_ms);
    break;
  case SOCKJS_DUE_EXPIRED:
    COUNT(sockjs_expired);
    sock->over = true;
    conn_doom(conn);
    break;
  case SOCKJS_DUE_NOTHING:
    break;
  }
}

/* --- the end ------------------------------------------------------------------------------ */

/* For as long as its client may come back the close frame is for it; not when the server stops and
 * nobody can come. */
static uint64_t close_wait(const struct conn *conn)
{
  const struct sockjs_conn *sock = sockjs_of((struct conn *)(uintptr_t)conn);
  return conn->env->draining && !sock->receiver ? 0 : sock->sockjs.limits->disconnect_ms;
}

static struct frame *farewell(struct conn *conn)
{
  struct sockjs_conn *sock = sockjs_of(conn);
  struct buf text = {0}, out = {0};
  struct frame *frame = NULL;
  if (!sock->receiver || sock->finishing)
    return NULL;
  put_close(&text, conn);
  struct plug_str close = str_from(text.data, text.len);
  if (text.failed) {
    conn_doom(conn);
  } else if (!sockjs_answer_streams(sock->receiver)) {
    answer_poll(sock, close);
  } else {
    const struct sockjs_request *request = request_of(sock->receiver);
    sockjs_answer_put_frame(&out, request, close);
    sockjs_answer_put_end(&out, request);
    frame = out.failed ? NULL : frame_alloc(out.len, 1, false);
    if (frame) {
      memcpy(frame->bytes, out.data, out.len);
      frame->form = WIRE_RAW;
      sock->finishing = true;
    } else {
      conn_doom(conn);
    }
  }
  buf_free(&text);
  buf_free(&out);
  return frame;
}

static bool said_farewell(struct conn *conn)
{
  struct sockjs_conn *sock = sockjs_of(conn);
  if (sock->receiver && sock->finishing)
    http_conn_return(release(sock));
  return false; /* its client may ask once more */
}

/* The receiver's socket is lost, or an answer to it: what was on its way has not arrived, and
 * nobody can say what had. The protocol has one word for that. */
static bool outlives(struct conn *conn)
{
  struct sockjs_conn *sock = sockjs_of(conn);
  if (sock->receiver)
    http_conn_drop(release(sock));
  if (sock->over || conn->session.state == SESSION_CLOSED)
    return false;
  COUNT(sockjs_interrupted);
  outq_drop_front(&conn->session.out, conn->session.out.count);
  session_close(&conn->session, SOCKJS_CLOSE_INTERRUPTED, "Connection interrupted");
  conn_arm(conn);
  return true;
}

static void drained(struct conn *conn)
{
  struct http_conn *http;
  while ((http = http_conn_unpark(&sockjs_of(conn)->senders)))
    sockjs_answer_sender(http);
}

static void fini(struct conn *conn)
{
  struct sockjs_conn *sock = sockjs_of(conn);
  struct http_conn *http;
  while ((http = http_conn_unpark(&sock->senders)))
    sockjs_answer_plain(http, 404, "The session is over.\n");
  if (sock->entry.env) {
    sockjs_registry_remove(conn->env->sockjs, &sock->entry);
    COUNT_BY(sockjs_sessions, -1);
  }
  if (sock->counted)
    addresses_leave(conn->env->addresses, conn->peer.address, conn->env->now_ms);
  free(sock->key);
}

static void receive(struct conn *conn, char *bytes, size_t len)
{
  (void)conn; /* the socket is not read while an answer is under way */
  (void)bytes;
  (void)len;
}

static bool on_end(struct conn *conn)
{
  (void)conn;
  return false;
}

const struct carrier carrier_sockjs = {
    .name = "sockjs",
    .size = sizeof(struct sockjs_conn),
    .store = STORE_SOCKJS,
    .wire = WIRE_SOCKJS_XHR,
    .listens = EPOLLRDHUP,
    .receive = receive,
    .on_end = on_end,
    .farewell = farewell,
    .said_farewell = said_farewell,
    .fini = fini,
    .deadline = deadline,
    .tick = tick,
    .close_wait = close_wait,
    .pump = pump,
    .sent = sent,
    .written = written,
    .drained = drained,
    .outlives = outlives,
};

/* --- requests ----------------------------------------------------------------------------- */

static void drop_new(struct sockjs_conn *sock)
{
  sock->entry.env = NULL;
  sock->over = true;
  conn_doom(&sock->conn);
}

/* NULL: http has been answered, or is another worker's by now. */
static struct sockjs_conn *begin_session(struct net_env *env, struct http_conn *http)
{
  struct sockjs_request *request = request_of(http);
  if (env->shut) {
    COUNT(refused_drain);
    sockjs_answer_later(http, 503, env->retry_after, "The server is stopping.\n");
    return NULL;
  }
  /* A session is a connection of its client: by a proxy its sockets are nobody's, and without one
   * a socket might begin one session after the other. */
  bool counted = addresses_have_limits(env->addresses);
  if (counted && !admit_address(env, &request->task.peer)) {
    sockjs_answer_too_many(http);
    return NULL;
  }
  struct conn *conn =
      conn_new(env, -1, NULL, &carrier_sockjs, &request->task.peer, false, env->now_ms);
  if (!conn) {
    if (counted)
      addresses_leave(env->addresses, request->task.peer.address, env->now_ms);
    sockjs_answer_plain(http, 503, "The server is out of memory.\n");
    return NULL;
  }
  sockjs_of(conn)->counted = counted;
  if (request->handshake) {
    handshake_free(conn->session.handshake);
    conn->session.handshake = request->handshake;
    request->handshake = NULL;
  }
  struct sockjs_conn *sock = sockjs_of(conn);
  const struct settings_endpoint *endpoint = &env->settings->endpoints[request->endpoint];
  conn_enter(conn, endpoint, (enum transport)(CARRIED_BY_SOCKJS + (unsigned)request->transport));
  list_init(&sock->senders);
  sockjs_session_init(&sock->sockjs, &env->sockjs_limits[request->endpoint], request->transport,
                      env->now_ms);
  sock->service = net_service_at(env, endpoint);
  if (sock->service)
    service_begin(conn);
  sock->key = str_dup(str_of(request->key));
  sock->entry.env = env;
  sock->entry.by_key.key = str_of(sock->key);
  enum sockjs_claim claim =
      sock->key ? sockjs_registry_add(env->sockjs, &sock->entry) : SOCKJS_CLAIM_NO_MEMORY;
  if (claim == SOCKJS_CLAIMED) {
    COUNT(sockjs_sessions);
    return sock;
  }
  drop_new(sock);
  if (claim == SOCKJS_TAKEN) {
    sockjs_serve(env, http);
  } else {
    if (claim == SOCKJS_FULL)
      COUNT(sockjs_refused);
    sockjs_answer_plain(http, 503, "There are too many sessions.\n");
  }
  return NULL;
}

static void answer_closed(struct sockjs_conn *sock, struct http_conn *http)
{
  struct buf text = {0};
  if (sock->conn.session.terms->spring)
    sockjs_put_close(&text, SOCKJS_CLOSE_AWAY, "Go away!");
  else
    put_close(&text, &sock->conn);
  (void)sockjs_answer_frame(http, str_from(text.data, text.len));
  buf_free(&text);
}

/* The first receiver. */
static void open_session(struct sockjs_conn *sock, struct http_conn *http)
{
  struct conn *conn = &sock->conn;
  if (sockjs_answer_streams(http)) {
    begin_stream(sock, http, true);
  } else {
    sockjs_session_detach(&sock->sockjs, conn->env->now_ms);
    if (!sockjs_answer_frame(http, STR(SOCKJS_OPEN)))
      conn_doom(conn);
    conn_arm(conn);
  }
  if (sock->service && sock->service->opened)
    sock->service->opened(conn);
}

/* Its client may have cut it off and come again before this worker has looked at the socket, or has
 * come to the end of the turn in which it did. */
static void drop_lost_receiver(struct sockjs_conn *sock)
{
  struct conn *conn = &sock->conn;
  struct pollfd socket = {.fd = conn->watch.fd, .events = POLLRDHUP};
  if (sock->receiver && (!list_empty(&conn->doomed) || poll(&socket, 1, 0) > 0) && outlives(conn))
    list_remove(&conn->doomed);
}

static void serve_receiver(struct net_env *env, struct http_conn *http, struct sockjs_conn *sock)
{
  enum sockjs_transport transport = request_of(http)->transport;
  struct buf busy = {0};
  if (!sock)
    sock = begin_session(env, http);
  if (!sock)
    return;
  struct session *session = &sock->conn.session;
  session->last_rx_ms = env->now_ms; /* the client is there */
  drop_lost_receiver(sock);
  if (session->state == SESSION_CLOSED)
    sockjs_session_close(&sock->sockjs);
  switch (sockjs_session_attach(&sock->sockjs, transport, session->out.count != 0)) {
  case SOCKJS_WELCOME_OPEN:
    open_session(sock, http);
    break;
  case SOCKJS_WELCOME_WAIT:
    conn_set_transport(&sock->conn, (enum transport)(CARRIED_BY_SOCKJS + (unsigned)transport));
    if (sockjs_transport_streams(transport))
      begin_stream(sock, http, false);
    else
      receive_by(sock, http);
    break;
  case SOCKJS_WELCOME_BUSY:
    sockjs_put_close(&busy, SOCKJS_CLOSE_BUSY, "Another connection still open");
    (void)sockjs_answer_frame(http, str_from(busy.data, busy.len));
    buf_free(&busy);
    break;
  case SOCKJS_WELCOME_CLOSED:
    answer_closed(sock, http);
    break;
  case SOCKJS_WELCOME_OTHER:
    sockjs_answer_plain(http, 404, "The session has another transport.\n");
    break;
  }
}

static void deliver(void *ctx, char *message, size_t len)
{
  struct sockjs_conn *sock = ctx;
  sock->conn.bytes_in += len;
  if (sock->service)
    sock->service->message(&sock->conn, str_from(message, len), false);
  else if (len)
    conn_deliver(&sock->conn, message, len);
}

static void serve_messages(struct net_env *env, struct http_conn *http, struct sockjs_conn *sock)
{
  struct sockjs_request *request = request_of(http);
  if (!sock) {
    sockjs_answer_plain(http, 404, "There is no such session.\n");
    return;
  }
  struct conn *conn = &sock->conn;
  size_t held = conn->held_end - conn->held_at;
  if (env->quiet || held > env->settings->max_sockjs_message) {
    if (held)
      COUNT(sockjs_busy);
    sockjs_answer_plain(http, 503, "Earlier messages wait to be read.\n");
    return;
  }
  struct plug_str payload;
  conn->session.last_rx_ms = env->now_ms;
  sockjs_messages_unwrap(&request->task.body, request->form, &payload);
  switch (sockjs_messages_read(payload, false, deliver, sock)) {
  case SOCKJS_MESSAGES:
    break;
  case SOCKJS_NO_PAYLOAD:
    COUNT(sockjs_bad_messages);
    sockjs_answer_plain(http, 500,
                        conn->session.terms->spring && !payload.len ? "Broken JSON encoding."
                                                                    : "Payload expected.");
    return;
  case SOCKJS_BAD_JSON:
    COUNT(sockjs_bad_messages);
    sockjs_answer_plain(http, 500, "Broken JSON encoding.");
    return;
  case SOCKJS_NO_MEMORY:
    sockjs_answer_plain(http, 503, "The server is out of memory.\n");
    return;
  }
  if (conn->held)
    http_conn_park(http, &sock->senders);
  else
    sockjs_answer_sender(http);
}

void sockjs_serve(struct net_env *env, struct http_conn *http)
{
  const struct sockjs_request *request = request_of(http);
  struct sockjs_entry *entry;
  struct net_env *owner = sockjs_registry_find(env->sockjs, str_of(request->key), env, &entry);
  if (owner && owner != env) {
    COUNT(sockjs_handed_over);
    if (env->quiet)
      sockjs_answer_plain(http, 503, "The server is stopping.\n");
    else
      http_conn_hand(http, owner);
    return;
  }
  COUNT(sockjs_requests);
  struct sockjs_conn *sock = entry ? container_of(entry, struct sockjs_conn, entry) : NULL;
  if (sockjs_transport_sends(request->transport))
    serve_messages(env, http, sock);
  else
    serve_receiver(env, http, sock);
}
