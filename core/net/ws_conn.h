/* What the carriers that stand on WebSocket (RFC 6455) share: reading messages, answering pings,
 * and the farewell with a Close frame of each side. Worker's thread only. */
#ifndef NET_WS_CONN_H
#define NET_WS_CONN_H

#include "base/utf8.h"
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

static inline struct ws_conn *ws_of(struct conn *conn)
{
  return container_of(conn, struct ws_conn, conn);
}

/* Everything but the data of messages. */
void ws_conn_control(struct ws_conn *ws, enum ws_event event, const struct ws_item *item);
/* A text message is not UTF-8. */
void ws_conn_bad_text(struct ws_conn *ws);
/* The Close frame, with message, unless it is empty, in front as a WebSocket message of its own. */
struct frame *ws_conn_farewell(struct ws_conn *ws, struct plug_str message);
bool ws_conn_said_farewell(struct conn *conn);
bool ws_conn_on_end(struct conn *conn);
/* For carriers: pings a silent peer that has promised no heart-beats, and gives it up. */
uint64_t ws_conn_deadline(const struct conn *conn);
void ws_conn_tick(struct conn *conn, uint64_t now_ms);

/* RFC 6455 8.1: a text message that is not UTF-8 fails the connection, as soon as that is clear. */
static inline bool ws_conn_is_text(struct ws_conn *ws, const struct ws_item *item)
{
  return item->binary || (item->ascii && utf8_done(&ws->utf8)) ||
         (utf8_feed(&ws->utf8, item->bytes, item->len) && (!item->ends || utf8_done(&ws->utf8)));
}

/* Hands each piece of a message to got_data. In the header, so that each carrier's reading is a
 * loop of its own without calls by pointer: it runs for each message that comes in. */
static inline void ws_conn_receive(struct ws_conn *ws, char *bytes, size_t len,
                                   void (*got_data)(struct ws_conn *, const struct ws_item *))
{
  struct ws_item item;
  char *end = bytes + len;
  ws->pings = 0;
  while (!ws->answer_code && !ws->failed) {
    enum ws_event event = ws_reader_next(&ws->reader, &bytes, end, &item);
    if (event == WS_NEED_MORE)
      return;
    if (event != WS_GOT_DATA)
      ws_conn_control(ws, event, &item);
    else if (ws_conn_is_text(ws, &item))
      got_data(ws, &item);
    else
      ws_conn_bad_text(ws);
  }
}

#endif
