/* A service over WebSocket without framing of SockJS: its messages are those of the WebSocket. */
#include <sys/epoll.h>

#include "base/counter.h"
#include "net/service.h"
#include "net/ws_conn.h"

struct ws_service {
  struct ws_conn ws;
  struct buf message; /* what has come of one that comes in pieces */
  const struct service *service;
};

static struct ws_service *service_of(struct conn *conn)
{
  return container_of(ws_of(conn), struct ws_service, ws);
}

void carrier_websocket_service_begin(struct conn *conn, const struct service *service)
{
  service_of(conn)->service = service;
  service_begin(conn);
}

static void got_data(struct ws_conn *ws, const struct ws_item *item)
{
  struct ws_service *s = container_of(ws, struct ws_service, ws);
  struct conn *conn = &ws->conn;
  if (s->message.len + item->len > conn->env->settings->max_sockjs_message) {
    COUNT(refused_sockjs_message);
    ws->failed = true;
    conn_fault(conn, CLOSE_TOO_BIG, NULL, "The message is too large.");
    return;
  }
  if (item->ends && !s->message.len) {
    s->service->message(conn, str_from(item->bytes, item->len), item->binary);
    return;
  }
  buf_put(&s->message, item->bytes, item->len);
  if (s->message.failed) {
    conn_doom(conn);
  } else if (item->ends) {
    s->service->message(conn, str_from(s->message.data, s->message.len), item->binary);
    buf_free(&s->message);
  }
}

static void receive(struct conn *conn, char *bytes, size_t len)
{
  ws_conn_receive(ws_of(conn), bytes, len, got_data);
}

static struct frame *farewell(struct conn *conn)
{
  return ws_conn_farewell(ws_of(conn), STR(""));
}

static void fini(struct conn *conn)
{
  struct ws_service *s = service_of(conn);
  ws_reader_fini(&s->ws.reader);
  buf_free(&s->message);
}

const struct carrier carrier_websocket_service = {
    .name = "websocket-service",
    .size = sizeof(struct ws_service),
    .listens = EPOLLIN,
    .receive = receive,
    .on_end = ws_conn_on_end,
    .farewell = farewell,
    .said_farewell = ws_conn_said_farewell,
    .fini = fini,
};
