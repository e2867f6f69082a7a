#include "net/conn_inner.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/counter.h"
#include "net/stream.h"

/* What one send may take. More would only sit in the kernel's queue while others wait. */
#define SEND_BYTES 131072u

static int unsent_in_kernel(const struct conn *conn)
{
  int bytes = 0;
  return ioctl(conn->watch.fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/* A blocked queue holds no bursts; without memory for that the connection ends. */
static void set_blocked(struct conn *conn)
{
  if (!outq_split(&conn->session.out))
    conn_doom(conn);
  conn->session.out.blocked = true;
  conn->stall_unsent = unsent_in_kernel(conn);
  conn->stall_ms = conn->env->now_ms + conn->env->send_timeout_ms;
  conn_update_reading(conn);
  conn_arm(conn);
}

bool conn_made_progress(struct conn *conn)
{
  int unsent = unsent_in_kernel(conn);
  bool progress = unsent != conn->stall_unsent;
  conn->stall_unsent = unsent;
  return progress;
}

/* What is not in the queue any more and not in the socket yet, as far as it is known of. */
static void note_held(struct conn *conn)
{
  size_t partial = conn->partial ? wire_bytes(conn->partial, conn->wire).len - conn->partial_at : 0;
  conn->session.out.held = (uint32_t)(partial + stream_rest(&conn->watch));
}

void conn_drop_partial(struct conn *conn)
{
  if (conn->partial)
    frame_unref(conn->partial);
  conn->partial = NULL;
  conn->partial_at = 0;
  note_held(conn);
}

static void keep_partial(struct conn *conn, struct frame *frame, size_t at)
{
  frame_ref(frame);
  conn->partial = frame;
  conn->partial_at = (uint32_t)at;
  note_held(conn);
}

/* Sends records that wait for the socket; false: not yet, or the connection is doomed. */
static bool send_rest(struct conn *conn)
{
  int status = stream_flush(&conn->watch);
  note_held(conn);
  if (status && status != -EAGAIN)
    conn_doom(conn);
  return status == 0;
}

/* Writes on at what the socket took in part; false: not yet, or the connection is doomed. */
static bool send_partial(struct conn *conn)
{
  struct plug_str bytes = wire_bytes(conn->partial, conn->wire);
  bytes = str_from(bytes.ptr + conn->partial_at, bytes.len - conn->partial_at);
  ssize_t sent = stream_send(conn->env, &conn->watch, bytes);
  if (sent < 0 && sent != -EAGAIN && sent != -EWOULDBLOCK && sent != -ENOBUFS) {
    conn_lose(conn);
    return false;
  }
  if (sent > 0) {
    conn->bytes_out += (uint64_t)sent;
    conn->session.last_tx_ms = conn->env->now_ms;
    conn->partial_at += (uint32_t)sent;
  }
  if (sent != (ssize_t)bytes.len) {
    note_held(conn);
    return false;
  }
  conn_drop_partial(conn);
  return !stream_is_blocked(&conn->watch);
}

/* The socket took only n of the bytes. */
static void short_send(struct conn *conn, size_t n)
{
  struct outq *queue = &conn->session.out;
  if (!outq_split(queue)) {
    conn_doom(conn);
    return;
  }
  while (n) {
    struct frame *frame = outq_at(queue, 0);
    size_t len = wire_bytes(frame, conn->wire).len;
    if (conn->carrier->sent)
      conn->carrier->sent(conn, frame);
    conn->n_sent += frame->n_messages;
    if (n < len) {
      keep_partial(conn, frame, n);
      outq_drop_front(queue, 1);
      break;
    }
    n -= len;
    outq_drop_front(queue, 1);
  }
  set_blocked(conn);
}

static bool gather_from(struct conn *conn, struct batch_set *batches,
                        struct sender_request *request, bool *full)
{
  struct outq *queue = &conn->session.out;
  *full = false;
  if (!queue->count || queue->blocked || conn->sending || !list_empty(&conn->doomed))
    return false;
  if (conn->carrier->pump && conn->carrier->pump(conn))
    return false;
  request->conn = conn;
  request->fd = conn->watch.fd;
  request->n_frames = 1;
  request->bytes = wire_bytes(outq_at(queue, 0), conn->wire);
  if (!request->bytes.len) {
    conn_doom(conn); /* out of memory: a frame that is left out would not be missed */
    return false;
  }
  if (queue->count > 1 && request->bytes.len < SEND_BYTES &&
      !batch_set_get(batches, queue, conn->wire, SEND_BYTES, &request->bytes, &request->n_frames)) {
    *full = true;
    return false;
  }
  conn->sending = true;
  return true;
}

/* The request's bytes become records. */
static bool seal(struct conn *conn, struct sender_request *request, bool *full)
{
  request->n_wanted = request->bytes.len;
  enum tls_gather gathered =
      tls_stream_gather(conn->watch.tls, &request->bytes, &request->n_sealed);
  *full = gathered == TLS_ROUND_FULL;
  if (gathered == TLS_BROKEN)
    conn_doom(conn);
  return gathered == TLS_GATHERED;
}

bool conn_gather(struct conn *conn, struct sender_request *request, bool *full)
{
  if (conn->session.out.count > 1)
    conn->env->batched |= 1u << conn->wire;
  if (!gather_from(conn, &conn->env->batches[conn->wire], request, full))
    return false;
  if (!conn->watch.tls || seal(conn, request, full))
    return true;
  conn->sending = false;
  return false;
}

/* What has become of records that the round of sends was given: how many of the bytes that were to
 * be sent are out of our hands. */
static ssize_t account_sealed(struct conn *conn, const struct sender_request *request)
{
  int status = tls_stream_account(conn->watch.tls, request->bytes, request->result);
  note_held(conn);
  return status ? status : (ssize_t)request->n_sealed;
}

static void account(struct conn *conn, const struct sender_request *request, ssize_t sent,
                    size_t wanted)
{
  if (sent < 0 && sent != -EAGAIN && sent != -EWOULDBLOCK && sent != -ENOBUFS) {
    conn_lose(conn);
    return;
  }
  if (sent > 0) {
    COUNT_BY(bytes_out, sent);
    conn->bytes_out += (uint64_t)sent;
    conn->session.last_tx_ms = conn->env->now_ms;
  }
  if (sent != (ssize_t)wanted) {
    short_send(conn, sent > 0 ? (size_t)sent : 0);
    return;
  }
  for (uint32_t i = 0; conn->carrier->sent && i < request->n_frames; i++)
    conn->carrier->sent(conn, outq_at(&conn->session.out, i));
  uint32_t waited = conn->session.out.messages;
  outq_drop_front(&conn->session.out, request->n_frames);
  conn->n_sent += waited - conn->session.out.messages;
  if (stream_is_blocked(&conn->watch))
    set_blocked(conn);
  else if (conn->carrier->written)
    conn->carrier->written(conn);
}

void conn_account(struct conn *conn, const struct sender_request *request)
{
  bool tls = conn->watch.tls != NULL;
  conn->sending = false;
  account(conn, request, tls ? account_sealed(conn, request) : request->result,
          tls ? request->n_wanted : request->bytes.len);
}

void conn_flush(struct outq *queue)
{
  struct conn *conn = conn_of(queue);
  /* Its own batches: it may run while a round of the others' is being gathered. */
  struct batch_set *batches = &conn->env->flush_batches;
  struct sender_request request;
  bool full;
  while (gather_from(conn, batches, &request, &full)) {
    ssize_t sent = conn->watch.tls ? tls_stream_send(conn->watch.tls, request.fd, request.bytes)
                                   : sender_send(request.fd, request.bytes);
    conn->sending = false;
    note_held(conn);
    account(conn, &request, sent, request.bytes.len);
    batch_set_reset(batches);
  }
}

bool conn_write_raw(struct conn *conn, struct plug_str bytes)
{
  ssize_t sent = stream_send(conn->env, &conn->watch, bytes);
  if (sent > 0)
    conn->bytes_out += (uint64_t)sent;
  if (sent == (ssize_t)bytes.len) {
    note_held(conn);
    if (!stream_is_blocked(&conn->watch))
      return true;
    set_blocked(conn);
    return false;
  }
  /* An empty socket takes it; one whose client has pipelined and does not read may not. */
  size_t n = sent > 0 ? (size_t)sent : 0;
  struct frame *frame = frame_alloc(bytes.len - n, 1, false);
  if (!frame || (sent < 0 && sent != -EAGAIN && sent != -EWOULDBLOCK && sent != -ENOBUFS)) {
    if (frame)
      frame_unref(frame);
    conn_doom(conn);
    return false;
  }
  memcpy(frame->bytes, bytes.ptr + n, bytes.len - n);
  frame->form = WIRE_RAW;
  keep_partial(conn, frame, 0);
  frame_unref(frame);
  set_blocked(conn);
  return false;
}

void conn_greet(struct conn *conn, struct plug_str bytes)
{
  /* With what follows in this turn, in one send. */
  struct frame *frame = frame_alloc(bytes.len, 1, false);
  if (!frame) {
    conn_doom(conn);
    return;
  }
  memcpy(frame->bytes, bytes.ptr, bytes.len);
  frame->form = WIRE_RAW;
  conn_queue(conn, frame);
  frame_unref(frame);
}

void conn_queue(struct conn *conn, struct frame *frame)
{
  outq_push(&conn->env->hub.outqs, &conn->session.out, frame);
}

void conn_on_writable(struct conn *conn)
{
  struct outq *queue = &conn->session.out;
  if ((conn->watch.tls && !send_rest(conn)) || (conn->partial && !send_partial(conn)))
    return;
  queue->blocked = false;
  conn->stall_ms = 0;
  conn_update_reading(conn);
  outq_mark_dirty(&conn->env->hub.outqs, queue);
  if (conn->carrier->written)
    conn->carrier->written(conn);
}

/* The queue is empty: the carrier's last frame goes out. */
static void say_farewell(struct conn *conn)
{
  conn->farewell = true;
  struct frame *frame = conn->carrier->farewell(conn);
  if (!frame)
    return;
  keep_partial(conn, frame, 0);
  frame_unref(frame);
  if (!send_partial(conn) && list_empty(&conn->doomed))
    set_blocked(conn);
}

void conn_finish(struct conn *conn)
{
  struct outq *queue = &conn->session.out;
  if (conn->session.state != SESSION_CLOSED || !list_empty(&conn->doomed))
    return;
  queue->closed = true;
  conn_update_reading(conn);
  conn_arm(conn);
  if (queue->count || queue->blocked || conn->sending)
    return;
  if (!conn->farewell)
    say_farewell(conn);
  if (!conn->partial && !stream_is_blocked(&conn->watch) && list_empty(&conn->doomed) &&
      conn->carrier->said_farewell(conn))
    conn_doom(conn);
}
