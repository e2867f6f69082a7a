/* STOMP over WebSocket (RFC 6455): messages are the session's stream of bytes, and the connection
 * ends with a Close frame of each side. */
#include <sys/socket.h>

#include "base/counter.h"
#include "net/conn.h"
#include "websocket/ws_reader.h"

struct ws_conn {
  struct conn conn;
  struct ws_reader reader;
  struct utf8_state utf8; /* within a text message */
  uint16_t answer_code;   /* the code of the peer's Close; 0: it has not sent one */
  uint8_t pings;          /* sent since anything came */
  bool failed;            /* it violated the protocol: nothing that it sends counts any more */
};

static struct ws_conn *ws_of(struct conn *conn)
{
  return container_of(conn, struct ws_conn, conn);
}

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

/* RFC 6455 8.1: a text message that is not UTF-8 fails the connection, as soon as that is clear. */
static bool is_text(struct ws_conn *ws, const struct ws_item *item)
{
  return item->binary ||
         (utf8_feed(&ws->utf8, item->bytes, item->len) && (!item->ends || utf8_done(&ws->utf8)));
}

static void got_data(struct ws_conn *ws, const struct ws_item *item)
{
  if (is_text(ws, item)) {
    conn_deliver(&ws->conn, item->bytes, item->len);
    return;
  }
  ws->failed = true;
  conn_fault(&ws->conn, CLOSE_BAD_UTF8, "a text message is not valid UTF-8", NULL);
}

static void got_close(struct ws_conn *ws, const struct ws_item *item)
{
  ws->answer_code = item->code;
  conn_peer_closes(&ws->conn);
}

static void receive(struct conn *conn, char *bytes, size_t len)
{
  struct ws_conn *ws = ws_of(conn);
  struct ws_item item;
  char *end = bytes + len;
  ws->pings = 0;
  while (!ws->answer_code && !ws->failed) {
    switch (ws_reader_next(&ws->reader, &bytes, end, &item)) {
    case WS_GOT_DATA:
      got_data(ws, &item);
      break;
    case WS_GOT_PING:
      answer_ping(conn, &item);
      break;
    case WS_GOT_PONG:
      break; /* what it proves any byte does */
    case WS_GOT_CLOSE:
      got_close(ws, &item);
      break;
    case WS_GOT_FAULT:
      ws->failed = true;
      conn_fault(conn, item.code, NULL, item.reason);
      break;
    case WS_NEED_MORE:
      return;
    }
  }
}

/* --- silence ------------------------------------------------------------------------------ */

#define PINGS_MAX 2

/* Where the client has not promised heart-beats nobody would notice that it has vanished: behind a
 * proxy the connection stays. */
static uint64_t due_ms(const struct conn *conn)
{
  const struct ws_conn *ws = container_of(conn, const struct ws_conn, conn);
  const struct session *session = &conn->session;
  uint64_t interval = conn->env->settings->websocket_ping_ms;
  if (!interval || session->state != SESSION_CONNECTED || session->read_timeout_ms || session->deaf)
    return UINT64_MAX;
  return session->last_rx_ms + interval * (ws->pings + 1u);
}

static void tick(struct conn *conn, uint64_t now_ms)
{
  struct ws_conn *ws = ws_of(conn);
  struct plug_str nothing = STR("");
  if (now_ms < due_ms(conn))
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

static bool on_end(struct conn *conn)
{
  (void)conn;
  return false; /* a WebSocket ends with Close frames, or it is broken */
}

static struct frame *farewell(struct conn *conn)
{
  struct ws_conn *ws = ws_of(conn);
  const char *reason = conn->session.close_reason;
  unsigned code = ws->answer_code ? ws->answer_code : conn->session.close_code;
  char payload[WS_CONTROL_MAX];
  size_t len =
      ws->answer_code || !reason ? 0 : utf8_cut(reason, strlen(reason), WS_CONTROL_MAX - 2);
  payload[0] = (char)(code >> 8);
  payload[1] = (char)code;
  if (len)
    memcpy(payload + 2, reason, len);
  struct plug_str part = str_from(payload, len + 2);
  return frame_new(0x80u | WS_CLOSE, false, &part, 1);
}

/* The server closes first once both have said farewell (RFC 6455 7.1.1). From a peer that violated
 * the protocol none is waited for; but closing with its bytes unread would reset the connection,
 * and it would not learn why. */
static bool said_farewell(struct conn *conn)
{
  struct ws_conn *ws = ws_of(conn);
  if (ws->failed && !ws->answer_code)
    shutdown(conn->watch.fd, SHUT_WR);
  return ws->answer_code != 0;
}

static void fini(struct conn *conn)
{
  ws_reader_fini(&ws_of(conn)->reader);
}

const struct carrier carrier_websocket = {
    .name = "websocket",
    .size = sizeof(struct ws_conn),
    .receive = receive,
    .on_end = on_end,
    .farewell = farewell,
    .said_farewell = said_farewell,
    .due_ms = due_ms,
    .tick = tick,
    .fini = fini,
};
