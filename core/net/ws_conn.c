#include "net/ws_conn.h"

#include "base/counter.h"
#include "net/stream.h"

/* RFC 6455 5.5.3: with the payload of the ping. */
static void answer_ping(struct conn *conn, const struct ws_item *ping)
{
  struct plug_str payload = str_from(ping->bytes, ping->len);
  if (conn->session.state == SESSION_CLOSED)
    return;
  struct frame *pong = frame_new(0x80u | WS_PONG, false, &payload, 1);
  if (!pong) {
    conn_doom(conn);
    return;
  }
  conn_queue(conn, pong);
  frame_unref(pong);
}

void ws_conn_bad_text(struct ws_conn *ws)
{
  ws->failed = true;
  conn_fault(&ws->conn, CLOSE_BAD_UTF8, "a text message is not valid UTF-8", NULL);
}

void ws_conn_control(struct ws_conn *ws, enum ws_event event, const struct ws_item *item)
{
  switch (event) {
  case WS_GOT_PING:
    answer_ping(&ws->conn, item);
    break;
  case WS_GOT_CLOSE:
    ws->answer_code = item->code;
    if (ws->conn.session.state != SESSION_CLOSED)
      ws->conn.end_code = item->code;
    conn_peer_closes(&ws->conn);
    break;
  case WS_GOT_FAULT:
    ws->failed = true;
    conn_fault(&ws->conn, item->code, NULL, item->reason);
    break;
  default:
    break; /* a pong: what it proves any byte does */
  }
}

/* --- silence ------------------------------------------------------------------------------ */

#define PINGS_MAX 2

/* Where the client has not promised heart-beats nobody would notice that it has vanished: behind a
 * proxy the connection stays. */
uint64_t ws_conn_deadline(const struct conn *conn)
{
  const struct ws_conn *ws = container_of(conn, const struct ws_conn, conn);
  const struct session *session = &conn->session;
  uint64_t interval = conn->env->settings->websocket_ping_ms;
  if (!interval || session->state != SESSION_CONNECTED || session->read_timeout_ms || session->deaf)
    return UINT64_MAX;
  return session->last_rx_ms + interval * (ws->pings + 1u);
}

void ws_conn_tick(struct conn *conn, uint64_t now_ms)
{
  struct ws_conn *ws = ws_of(conn);
  struct plug_str nothing = STR("");
  if (now_ms < ws_conn_deadline(conn))
    return;
  if (ws->pings == PINGS_MAX) {
    COUNT(closed_silent);
    conn_fault(conn, CLOSE_PROTOCOL, "nothing received, and no answer to WebSocket pings", NULL);
    return;
  }
  ws->pings++;
  struct frame *ping = frame_new(0x80u | WS_PING, false, &nothing, 1);
  if (!ping) {
    conn_doom(conn);
    return;
  }
  conn_queue(conn, ping);
  frame_unref(ping);
}

bool ws_conn_on_end(struct conn *conn)
{
  (void)conn;
  return false; /* a WebSocket ends with Close frames, or it is broken */
}

struct frame *ws_conn_farewell(struct ws_conn *ws, struct plug_str message)
{
  const char *reason = ws->conn.session.close_reason;
  unsigned code = ws->answer_code ? ws->answer_code : ws->conn.session.close_code;
  char payload[WS_CONTROL_MAX], head[FRAME_WS_HEADER_MAX];
  size_t len =
      ws->answer_code || !reason ? 0 : utf8_cut(reason, strlen(reason), WS_CONTROL_MAX - 2);
  payload[0] = (char)(code >> 8);
  payload[1] = (char)code;
  if (len)
    memcpy(payload + 2, reason, len);
  len += 2;
  size_t before =
      message.len ? frame_put_ws_header(head, FRAME_WS_TEXT, message.len) + message.len : 0;
  struct frame *frame = frame_alloc(before + frame_ws_header_len(len) + len, 1, false);
  if (!frame)
    return NULL;
  frame->form = WIRE_RAW;
  if (message.len) {
    memcpy(frame->bytes, head, before - message.len);
    memcpy(frame->bytes + before - message.len, message.ptr, message.len);
  }
  size_t close_head = frame_put_ws_header(frame->bytes + before, 0x80u | WS_CLOSE, len);
  memcpy(frame->bytes + before + close_head, payload, len);
  return frame;
}

/* The server closes first once both have said farewell (RFC 6455 7.1.1). From a peer that violated
 * the protocol none is waited for; but closing with its bytes unread would reset the connection,
 * and it would not learn why. */
bool ws_conn_said_farewell(struct conn *conn)
{
  struct ws_conn *ws = ws_of(conn);
  if (ws->failed && !ws->answer_code)
    stream_shutdown(&conn->watch);
  return ws->answer_code != 0;
}
