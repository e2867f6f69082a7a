/* STOMP over WebSocket (RFC 6455): messages are the session's stream of bytes, and the connection
 * ends with a Close frame of each side. */
#include <sys/epoll.h>

#include "net/ws_conn.h"

static void got_data(struct ws_conn *ws, const struct ws_item *item)
{
  conn_deliver(&ws->conn, item->bytes, item->len);
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
  ws_reader_fini(&ws_of(conn)->reader);
}

const struct carrier carrier_websocket = {
    .name = "websocket",
    .size = sizeof(struct ws_conn),
    .store = STORE_WEBSOCKET,
    .listens = EPOLLIN,
    .receive = receive,
    .on_end = ws_conn_on_end,
    .farewell = farewell,
    .said_farewell = ws_conn_said_farewell,
    .deadline = ws_conn_deadline,
    .tick = ws_conn_tick,
    .fini = fini,
};
