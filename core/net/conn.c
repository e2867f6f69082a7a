#include "net/conn.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/counter.h"
#include "base/log.h"
#include "net/callbacks.h"
#include "net/handshake_take.h"
#include "net/worker.h"

/* What one send may take. More would only sit in the kernel's queue while others wait. */
#define SEND_BYTES    131072u
/* How long a closed session may take to get its last bytes and the Close frame out. */
#define CLOSE_WAIT_MS 5000u
/* How often a blocked WebSocket is looked at for a peer that has gone. */
#define PEEK_MS       200u

static void arm(struct conn *conn)
{
  uint64_t now = conn->worker->now_ms;
  uint64_t due = session_deadline_ms(&conn->session);
  if (conn->session.state == SESSION_CLOSED) {
    if (!conn->close_due_ms)
      conn->close_due_ms = now + CLOSE_WAIT_MS;
    due = conn->close_due_ms;
  }
  if (conn->stall_ms && conn->stall_ms < due)
    due = conn->stall_ms;
  if (conn->kind == CONN_WEBSOCKET && conn->session.out.blocked && now + PEEK_MS < due)
    due = now + PEEK_MS;
  if (due == UINT64_MAX)
    wheel_stop(&conn->worker->wheel, &conn->timer);
  else
    worker_arm(conn->worker, &conn->timer, due);
}

struct conn *conn_new(struct worker *worker, struct lws *wsi, enum conn_kind kind)
{
  struct conn *conn = malloc(sizeof *conn);
  if (!conn)
    return NULL;
  memset(conn, 0, sizeof *conn);
  session_init(&conn->session, &worker->env, worker->now_ms);
  conn->worker = worker;
  conn->wsi = wsi;
  conn->fd = lws_get_socket_fd(wsi);
  conn->kind = (uint8_t)kind;
  if (worker->env.access)
    conn->session.handshake = handshake_take(wsi, conn->fd, kind == CONN_WEBSOCKET);
  conn->session.out.singly = kind == CONN_TCP; /* which leaves the WebSocket headers out */
  wheel_timer_init(&conn->timer);
  list_init(&conn->paused);
  list_init(&conn->doomed);
  list_append(&worker->conns, &conn->link);
  worker->n_conns++;
  arm(conn);
  return conn;
}

void conn_free(struct conn *conn)
{
  struct worker *worker = conn->worker;
  session_fini(&conn->session);
  wheel_stop(&worker->wheel, &conn->timer);
  list_remove(&conn->link);
  list_remove(&conn->paused);
  list_remove(&conn->doomed);
  worker->n_conns--;
  free(conn->held);
  free(conn);
}

/* --- receiving ---------------------------------------------------------------------------- */

/* After a large read there may be more of the same burst in the socket. Then sending waits for the
 * next turn, so that a burst goes out in one write per subscriber. */
#define LARGE_READ 8192u

static void note_read(struct conn *conn, size_t len)
{
  struct worker *worker = conn->worker;
  if (conn->turn != worker->turn) {
    conn->turn = worker->turn;
    conn->read_bytes = 0;
  }
  uint32_t before = conn->read_bytes;
  conn->read_bytes += (uint32_t)len;
  int waiting = 0;
  if (before < LARGE_READ && conn->read_bytes >= LARGE_READ && list_empty(&conn->paused) &&
      ioctl(conn->fd, FIONREAD, &waiting) == 0 && waiting > 0)
    worker->more_to_read = true;
}

/* Reading stops while the node is congested and, on TCP, while sending is blocked: there
 * libwebsockets does not read before its own buffer is empty, but would be woken for it all the
 * time. Silence in which nobody listened is not the client's. */
static void update_reading(struct conn *conn)
{
  struct session *session = &conn->session;
  bool deaf = !list_empty(&conn->paused) || session->awaiting ||
              (conn->kind == CONN_TCP && session->out.blocked);
  if (deaf == session->deaf)
    return;
  session->deaf = deaf;
  lws_rx_flow_control(conn->wsi, !deaf);
  if (!deaf) {
    session->last_rx_ms = conn->worker->now_ms;
    arm(conn);
  }
}

static void after_receive(struct conn *conn, uint8_t state_before)
{
  struct session *session = &conn->session;
  if (session->slow_down && session->state != SESSION_CLOSED) {
    session->slow_down = false;
    if (list_empty(&conn->paused)) {
      COUNT(reads_paused);
      list_append(&conn->worker->paused, &conn->paused);
      update_reading(conn);
      worker_watch_congestion(conn->worker);
    }
  }
  if (session->awaiting)
    update_reading(conn);
  /* CONNECT sets heart-beats; otherwise deadlines only move away, and the timer finds out itself.
   */
  if (session->state != state_before)
    arm(conn);
}

/* Behind what is held already. */
static void hold(struct conn *conn, const char *bytes, size_t len)
{
  char *held = realloc(conn->held, conn->held_end + len);
  if (!held) {
    session_close(&conn->session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  memcpy(held + conn->held_end, bytes, len);
  conn->held = held;
  conn->held_end += (uint32_t)len;
}

/* Returns how many bytes are left for later. */
static size_t receive(struct conn *conn, char *bytes, size_t len)
{
  uint8_t state = conn->session.state;
  size_t rest = session_receive_some(&conn->session, bytes, len, conn->worker->now_ms);
  if (conn->session.slow_down || conn->session.awaiting || conn->session.state != state)
    after_receive(conn, state);
  return conn->session.state == SESSION_CLOSED ? 0 : rest;
}

/* A COMMIT publishes thousands of messages at once: it does not begin while the node is congested.
 */
static bool must_wait(struct conn *conn)
{
  struct session *session = &conn->session;
  if (!session->n_transactions || !broker_congested(conn->worker->broker))
    return false;
  session->slow_down = true;
  after_receive(conn, session->state);
  return true;
}

void conn_receive(struct conn *conn, char *bytes, size_t len)
{
  COUNT_BY(bytes_in, len);
  note_read(conn, len);
  if (conn->session.state != SESSION_CLOSED &&
      (conn->held || conn->session.awaiting || must_wait(conn))) {
    hold(conn, bytes, len);
    return;
  }
  size_t rest = receive(conn, bytes, len);
  if (rest)
    hold(conn, bytes + len - rest, rest);
}

static void receive_held(struct conn *conn)
{
  size_t len = conn->held_end - conn->held_at;
  size_t rest = receive(conn, conn->held + conn->held_at, len);
  conn->held_at = conn->held_end - (uint32_t)rest;
  if (rest)
    return;
  free(conn->held);
  conn->held = NULL;
  conn->held_at = conn->held_end = 0;
}

/* Do the bytes that libwebsockets just gave end a message? It takes a while to say so. */
static bool ends_message(const struct conn *conn)
{
  return lws_is_final_fragment(conn->wsi) && lws_remaining_packet_payload(conn->wsi) == 0;
}

void conn_receive_ws(struct conn *conn, char *bytes, size_t len)
{
  if (conn->session.state == SESSION_CLOSED)
    return;
  /* RFC 6455 8.1: a text message that is not UTF-8 fails the connection. */
  if (!lws_frame_is_binary(conn->wsi) &&
      (!utf8_feed(&conn->utf8, bytes, len) || (!utf8_done(&conn->utf8) && ends_message(conn)))) {
    session_fault(&conn->session, CLOSE_BAD_UTF8, "a text message is not valid UTF-8");
    arm(conn);
    return;
  }
  conn_receive(conn, bytes, len);
}

void conn_wake(struct session *session)
{
  struct conn *conn = container_of(session, struct conn, session);
  if (list_empty(&conn->paused))
    conn_resume(conn);
  arm(conn);
}

void conn_resume(struct conn *conn)
{
  list_remove(&conn->paused);
  if (conn->held)
    receive_held(conn);
  update_reading(conn);
}

/* --- sending ------------------------------------------------------------------------------ */

static struct plug_str wire_bytes(const struct conn *conn, const struct frame *frame)
{
  size_t skip = conn->kind == CONN_TCP ? frame->ws_header : 0;
  return str_from(frame->bytes + skip, frame->len - skip);
}

static void ask_writable(struct conn *conn)
{
  if (!conn->asked) {
    conn->asked = true;
    lws_callback_on_writable(conn->wsi);
  }
}

static int unsent_in_kernel(const struct conn *conn)
{
  int bytes = 0;
  return ioctl(conn->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/* A blocked queue holds no bursts; without memory for that the connection ends. */
static void set_blocked(struct conn *conn)
{
  if (!outq_split(&conn->session.out))
    conn_doom(conn);
  conn->session.out.blocked = true;
  conn->stall_unsent = unsent_in_kernel(conn);
  conn->stall_ms = conn->worker->now_ms + conn->worker->send_timeout_ms;
  update_reading(conn);
  arm(conn);
  ask_writable(conn);
}

/* The socket took only n of the bytes. What is left of a frame that it took in part goes to
 * libwebsockets, which puts its own frames (pongs, Close) only behind what it holds. */
static void short_send(struct conn *conn, size_t n)
{
  struct outq *queue = &conn->session.out;
  if (!outq_split(queue)) {
    conn_doom(conn);
    return;
  }
  while (n) {
    struct plug_str bytes = wire_bytes(conn, outq_at(queue, 0));
    if (n < bytes.len) {
      size_t rest = bytes.len - n;
      /* lws_write does not touch bytes of a RAW write, but its type says that it could. */
      if (lws_write(conn->wsi, (unsigned char *)(uintptr_t)(bytes.ptr + n), rest, LWS_WRITE_RAW) <
          0) {
        conn_doom(conn);
        return;
      }
      queue->held = (uint32_t)rest;
      outq_drop_front(queue, 1);
      break;
    }
    n -= bytes.len;
    outq_drop_front(queue, 1);
  }
  set_blocked(conn);
}

static bool gather_from(struct conn *conn, struct batch_set *batches,
                        struct sender_request *request, bool *full)
{
  struct outq *queue = &conn->session.out;
  *full = false;
  if (!queue->count || queue->blocked || conn->closing || conn->sending ||
      !list_empty(&conn->doomed))
    return false;
  if (lws_partial_buffered(conn->wsi)) { /* a pong that the socket took in part */
    set_blocked(conn);
    return false;
  }
  request->conn = conn;
  request->fd = conn->fd;
  request->n_frames = 1;
  request->bytes = wire_bytes(conn, outq_at(queue, 0));
  if (queue->count > 1 && request->bytes.len < SEND_BYTES &&
      !batch_set_get(batches, queue, conn->kind == CONN_TCP, SEND_BYTES, &request->bytes,
                     &request->n_frames)) {
    *full = true;
    return false;
  }
  conn->sending = true;
  return true;
}

bool conn_gather(struct conn *conn, struct sender_request *request, bool *full)
{
  return gather_from(conn, &conn->worker->batches[conn->kind], request, full);
}

void conn_account(struct conn *conn, const struct sender_request *request)
{
  ssize_t sent = request->result;
  conn->sending = false;
  if (sent < 0 && sent != -EAGAIN && sent != -EWOULDBLOCK && sent != -ENOBUFS) {
    conn_doom(conn);
    return;
  }
  if (sent > 0) {
    COUNT_BY(bytes_out, sent);
    conn->session.last_tx_ms = conn->worker->now_ms;
  }
  if (sent == (ssize_t)request->bytes.len)
    outq_drop_front(&conn->session.out, request->n_frames);
  else
    short_send(conn, sent > 0 ? (size_t)sent : 0);
}

void conn_flush(struct outq *queue)
{
  struct conn *conn = conn_of(queue);
  /* Its own batches: it may run while a round of the others' is being gathered. */
  struct batch_set *batches = &conn->worker->flush_batches;
  struct sender_request request;
  bool full;
  while (gather_from(conn, batches, &request, &full)) {
    request.result = sender_send(request.fd, request.bytes);
    conn_account(conn, &request);
    batch_set_reset(batches);
  }
}

/* Everything is out: starts the closing handshake. May free conn. */
static void begin_close(struct conn *conn)
{
  conn->closing = true;
  if (conn->kind == CONN_TCP) {
    /* Only our direction: closing with unread bytes would reset the connection and could take the
     * last frames with it. The peer closes, or the timer cuts it off. */
    shutdown(conn->fd, SHUT_WR);
    return;
  }
  /* Returning -1 from the writable callback is the documented way, but a build of libwebsockets
   * with assertions, as Debian's, then closes twice under libuv, and the second time without a
   * Close frame. This way it closes once, sends the frame and waits for the peer's. */
  const char *reason = conn->session.close_reason ? conn->session.close_reason : "";
  lws_close_reason(conn->wsi, (enum lws_close_status)conn->session.close_code,
                   (unsigned char *)(uintptr_t)reason, strlen(reason));
  lws_set_timeout(conn->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}

void conn_finish(struct conn *conn)
{
  struct outq *queue = &conn->session.out;
  if (conn->session.state != SESSION_CLOSED || conn->closing || !list_empty(&conn->doomed))
    return;
  queue->closed = true;
  arm(conn);
  if (!queue->count && !queue->blocked)
    begin_close(conn);
}

void conn_writable(struct conn *conn)
{
  struct outq *queue = &conn->session.out;
  conn->asked = false;
  if (lws_partial_buffered(conn->wsi))
    return;
  queue->blocked = false;
  queue->held = 0;
  conn->stall_ms = 0;
  update_reading(conn);
  outq_mark_dirty(&conn->worker->hub.outqs, queue);
}

void conn_peer_closes(struct conn *conn)
{
  while (conn->held && !conn->session.awaiting) /* it came before the Close */
    receive_held(conn);
  conn->closing = true;
  session_close(&conn->session, CLOSE_NORMAL, "");
  arm(conn);
}

/* --- time --------------------------------------------------------------------------------- */

static bool made_progress(struct conn *conn)
{
  int unsent = unsent_in_kernel(conn);
  bool progress = unsent != conn->stall_unsent;
  conn->stall_unsent = unsent;
  return progress;
}

/* While libwebsockets holds bytes for a WebSocket, it answers the peer's end with waiting, and is
 * woken for it all the time. */
static bool peer_has_gone(const struct conn *conn)
{
  char byte;
  return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void conn_on_timer(struct conn *conn, uint64_t now_ms)
{
  if (conn->kind == CONN_WEBSOCKET && conn->session.out.blocked && peer_has_gone(conn)) {
    conn_doom(conn);
    return;
  }
  if (conn->session.state == SESSION_CLOSED) {
    if (conn->close_due_ms && now_ms >= conn->close_due_ms)
      conn_doom(conn);
    else
      arm(conn);
    return;
  }
  if (conn->stall_ms && now_ms >= conn->stall_ms) {
    if (!made_progress(conn)) {
      COUNT(closed_stalled);
      session_close(&conn->session, CLOSE_SLOW,
                    "Failed to send message within the configured send limit");
      arm(conn);
      return;
    }
    conn->stall_ms = now_ms + conn->worker->send_timeout_ms;
  }
  session_tick(&conn->session, now_ms);
  arm(conn);
}

void conn_doom(struct conn *conn)
{
  /* Only marked: a full queue is flushed in the midst of a fan-out, where no subscription may
   * vanish. */
  conn->session.out.closed = true;
  if (list_empty(&conn->doomed))
    list_append(&conn->worker->doomed, &conn->doomed);
}

void conn_cut(struct conn *conn)
{
  list_remove(&conn->doomed);
  session_close(&conn->session, CLOSE_INTERNAL, "");
  /* With bytes left libwebsockets would wait for the peer to take them. */
  if (lws_partial_buffered(conn->wsi))
    shutdown(conn->fd, SHUT_RDWR);
  lws_set_timeout(conn->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}
