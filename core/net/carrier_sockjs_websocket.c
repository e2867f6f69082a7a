/* STOMP over SockJS over WebSocket: messages are JSON lists of strings, which make the session's
 * stream of bytes; open, heart-beat and close are frames of SockJS's own. */
#include <sys/epoll.h>

#include "base/counter.h"
#include "base/str.h"
#include "net/service.h"
#include "net/ws_conn.h"
#include "sockjs/sockjs_frame.h"
#include "sockjs/sockjs_message.h"

#define CLOSE_UNSUPPORTED 1003

struct sockjs_ws {
  struct ws_conn ws;
  struct buf message; /* what has come of one that comes in pieces */
  uint64_t heartbeat_ms;
  const struct service *service; /* NULL: STOMP */
};

static struct sockjs_ws *sockjs_of(struct conn *conn)
{
  return container_of(ws_of(conn), struct sockjs_ws, ws);
}

void carrier_sockjs_websocket_begin(struct conn *conn, const struct settings_endpoint *endpoint,
                                    struct buf *greeting)
{
  char head[FRAME_WS_HEADER_MAX];
  sockjs_of(conn)->heartbeat_ms = endpoint->sockjs_heartbeat_ms;
  buf_put(greeting, head, frame_put_ws_header(head, FRAME_WS_TEXT, strlen(SOCKJS_OPEN)));
  buf_put_str(greeting, STR(SOCKJS_OPEN));
  if (greeting->failed)
    conn_doom(conn);
  sockjs_of(conn)->service = net_service_at(conn->env, endpoint);
  if (sockjs_of(conn)->service)
    service_begin(conn);
  conn_arm(conn);
}

/* --- receiving ---------------------------------------------------------------------------- */

static void deliver(void *ctx, char *message, size_t len)
{
  struct sockjs_ws *sockjs = ctx;
  if (sockjs->service)
    sockjs->service->message(&sockjs->ws.conn, str_from(message, len), false);
  else if (len)
    conn_deliver(&sockjs->ws.conn, message, len);
}

static void fail(struct sockjs_ws *sockjs, uint16_t code, const char *reason)
{
  sockjs->ws.failed = true;
  conn_fault(&sockjs->ws.conn, code, NULL, reason);
}

static void got_message(struct sockjs_ws *sockjs, struct plug_str message)
{
  if (!message.len)
    return; /* to be ignored, says the protocol */
  switch (sockjs_messages_read(message, true, deliver, sockjs)) {
  case SOCKJS_MESSAGES:
    break;
  case SOCKJS_NO_MEMORY:
    fail(sockjs, CLOSE_INTERNAL, "out of memory");
    break;
  default:
    COUNT(sockjs_bad_messages);
    fail(sockjs, CLOSE_BAD_UTF8, "Broken JSON encoding.");
  }
}

static void got_data(struct ws_conn *ws, const struct ws_item *item)
{
  struct sockjs_ws *sockjs = container_of(ws, struct sockjs_ws, ws);
  struct buf *message = &sockjs->message;
  if (item->binary) {
    fail(sockjs, CLOSE_UNSUPPORTED, "Binary messages not supported");
    return;
  }
  if (message->len + item->len > ws->conn.env->settings->max_sockjs_message) {
    COUNT(refused_sockjs_message);
    fail(sockjs, CLOSE_TOO_BIG, "The message is larger than max-sockjs-message allows.");
    return;
  }
  if (item->ends && !message->len) {
    got_message(sockjs, str_from(item->bytes, item->len));
    return;
  }
  buf_put(message, item->bytes, item->len);
  if (message->failed) {
    fail(sockjs, CLOSE_INTERNAL, "out of memory");
  } else if (item->ends) {
    got_message(sockjs, str_from(message->data, message->len));
    buf_free(message);
  }
}

static void receive(struct conn *conn, char *bytes, size_t len)
{
  ws_conn_receive(ws_of(conn), bytes, len, got_data);
}

/* --- the rest ----------------------------------------------------------------------------- */

/* STOMP's heart-beats take the place of SockJS's. */
static uint64_t deadline(const struct conn *conn)
{
  uint64_t interval = sockjs_of((struct conn *)(uintptr_t)conn)->heartbeat_ms;
  return !interval || conn->session.write_interval_ms ? UINT64_MAX
                                                      : conn->session.last_tx_ms + interval;
}

static void tick(struct conn *conn, uint64_t now_ms)
{
  if (now_ms < deadline(conn))
    return;
  conn->session.last_tx_ms = now_ms; /* what is on its way to a full socket is as good */
  if (conn->session.out.count || conn->session.out.blocked)
    return;
  struct frame *beat = wire_sockjs_frame(WIRE_SOCKJS_WEBSOCKET, STR(SOCKJS_BEAT));
  if (!beat)
    return;
  conn_queue(conn, beat);
  frame_unref(beat);
}

/* Whoever sends what is no JSON learns by the Close frame alone; in the Spring profile as there. */
static struct frame *farewell(struct conn *conn)
{
  struct ws_conn *ws = ws_of(conn);
  const struct session *session = &conn->session;
  bool spring = conn->session.terms->spring;
  if (ws->answer_code || (ws->failed && !spring) || (spring && session->close_code == CLOSE_SLOW))
    return ws_conn_farewell(ws, STR(""));
  struct buf text = {0};
  sockjs_put_close(&text, session->close_code, spring ? "" : session->close_reason);
  struct frame *frame = ws_conn_farewell(ws, text.failed ? STR("") : str_from(text.data, text.len));
  buf_free(&text);
  return frame;
}

static void fini(struct conn *conn)
{
  struct sockjs_ws *sockjs = sockjs_of(conn);
  ws_reader_fini(&sockjs->ws.reader);
  buf_free(&sockjs->message);
}

const struct carrier carrier_sockjs_websocket = {
    .name = "sockjs-websocket",
    .size = sizeof(struct sockjs_ws),
    .store = STORE_SOCKJS_WEBSOCKET,
    .wire = WIRE_SOCKJS_WEBSOCKET,
    .listens = EPOLLIN,
    .receive = receive,
    .on_end = ws_conn_on_end,
    .farewell = farewell,
    .said_farewell = ws_conn_said_farewell,
    .fini = fini,
    .deadline = deadline,
    .tick = tick,
};
