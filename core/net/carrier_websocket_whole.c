/* WebSockets whose messages have to be whole before anybody can read them: those of services, and
 * compressed ones. Others of STOMP are read as they come. */
#include <sys/epoll.h>

#include "base/counter.h"
#include "net/service.h"
#include "net/ws_conn.h"
#include "websocket/ws_deflate.h"

struct ws_whole {
  struct ws_conn ws;
  struct buf message;            /* what has come of one that comes in pieces */
  const struct service *service; /* NULL: STOMP */
};

static struct ws_whole *whole_of(struct conn *conn)
{
  return container_of(ws_of(conn), struct ws_whole, ws);
}

void carrier_websocket_whole_begin(struct conn *conn, const struct service *service, bool deflate)
{
  struct ws_whole *whole = whole_of(conn);
  whole->ws.reader.may_compress = deflate;
  whole->service = service;
  if (deflate)
    conn->wire = WIRE_WEBSOCKET_DEFLATE;
  conn->session.out.singly = true; /* service messages come singly anyway */
  if (service)
    service_begin(conn);
}

static void fail(struct ws_whole *whole, uint16_t code, const char *reason)
{
  whole->ws.failed = true;
  conn_fault(&whole->ws.conn, code, NULL, reason);
}

static size_t max_of(const struct ws_whole *whole)
{
  return whole->ws.conn.env->settings->max_inflated_message;
}

static void too_large(struct ws_whole *whole)
{
  COUNT(refused_inflated);
  fail(whole, CLOSE_TOO_BIG, "The message is larger than max-inflated-message allows");
}

static void hand_on(struct ws_whole *whole, char *bytes, size_t len, bool binary)
{
  struct ws_conn *ws = &whole->ws;
  if (!binary && !utf8_valid(bytes, len))
    ws_conn_bad_text(ws);
  else if (whole->service)
    whole->service->message(&ws->conn, str_from(bytes, len), binary);
  else if (len)
    conn_deliver(&ws->conn, bytes, len);
}

static void unpack(struct ws_whole *whole, struct plug_str packed, bool binary)
{
  struct buf out = {0};
  switch (ws_inflate(&out, packed, max_of(whole))) {
  case WS_INFLATED:
    hand_on(whole, out.data, out.len, binary);
    break;
  case WS_INFLATE_BAD:
    fail(whole, CLOSE_PROTOCOL, "A compressed message is broken");
    break;
  case WS_INFLATE_TOO_LARGE:
    too_large(whole);
    break;
  case WS_INFLATE_NO_MEMORY:
    fail(whole, CLOSE_INTERNAL, "out of memory");
    break;
  }
  buf_free(&out);
}

static void got_message(struct ws_whole *whole, char *bytes, size_t len, const struct ws_item *item)
{
  if (item->compressed)
    unpack(whole, str_from(bytes, len), item->binary);
  else
    hand_on(whole, bytes, len, item->binary);
}

static void got_piece(struct ws_whole *whole, const struct ws_item *item)
{
  struct buf *message = &whole->message;
  if (message->len + item->len > max_of(whole)) {
    too_large(whole);
    return;
  }
  if (item->ends && !message->len) {
    got_message(whole, item->bytes, item->len, item);
    return;
  }
  buf_put(message, item->bytes, item->len);
  if (message->failed) {
    fail(whole, CLOSE_INTERNAL, "out of memory");
  } else if (item->ends) {
    got_message(whole, message->data, message->len, item);
    buf_free(message);
  }
}

static void got_data(struct ws_whole *whole, const struct ws_item *item)
{
  if (item->compressed || whole->service)
    got_piece(whole, item);
  else if (ws_conn_is_text(&whole->ws, item))
    conn_deliver(&whole->ws.conn, item->bytes, item->len);
  else
    ws_conn_bad_text(&whole->ws);
}

static void receive(struct conn *conn, char *bytes, size_t len)
{
  struct ws_whole *whole = whole_of(conn);
  struct ws_conn *ws = &whole->ws;
  struct ws_item item;
  char *end = bytes + len;
  while (!ws->answer_code && !ws->failed) {
    enum ws_event event = ws_reader_next(&ws->reader, &bytes, end, &item);
    if (event == WS_NEED_MORE)
      return;
    if (event == WS_GOT_DATA)
      got_data(whole, &item);
    else
      ws_conn_control(ws, event, &item);
  }
}

static struct frame *farewell(struct conn *conn)
{
  return ws_conn_farewell(ws_of(conn), STR(""));
}

static void fini(struct conn *conn)
{
  struct ws_whole *whole = whole_of(conn);
  ws_reader_fini(&whole->ws.reader);
  buf_free(&whole->message);
}

const struct carrier carrier_websocket_whole = {
    .name = "websocket-whole",
    .size = sizeof(struct ws_whole),
    .store = STORE_WEBSOCKET_WHOLE,
    .listens = EPOLLIN,
    .receive = receive,
    .on_end = ws_conn_on_end,
    .farewell = farewell,
    .said_farewell = ws_conn_said_farewell,
    .deadline = ws_conn_deadline,
    .tick = ws_conn_tick,
    .fini = fini,
};
