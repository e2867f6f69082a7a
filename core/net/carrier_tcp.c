/* STOMP directly over TCP: the bytes of the stream are the session's, and the end of the stream is
 * the only farewell. */
#include <sys/epoll.h>

#include "net/conn.h"
#include "net/stream.h"

static void receive(struct conn *conn, char *bytes, size_t len)
{
  conn_deliver(conn, bytes, len);
}

static bool on_end(struct conn *conn)
{
  (void)conn;
  return true; /* a client that has closed its half may still read what it asked for */
}

static struct frame *farewell(struct conn *conn)
{
  (void)conn;
  return NULL;
}

/* Only our direction: closing with unread bytes would reset the connection and could take the last
 * frames with it. The peer closes, or the timer cuts it off. */
static bool said_farewell(struct conn *conn)
{
  if (!conn->ended)
    stream_shutdown(&conn->watch);
  return conn->ended;
}

#define CARRIER_TCP(its_wire)         \
  {                                   \
      .name = "tcp",                  \
      .size = sizeof(struct conn),    \
      .store = STORE_TCP,             \
      .wire = (its_wire),             \
      .listens = EPOLLIN,             \
      .receive = receive,             \
      .on_end = on_end,               \
      .farewell = farewell,           \
      .said_farewell = said_farewell, \
  }

const struct carrier carrier_tcp = CARRIER_TCP(WIRE_PLAIN);
const struct carrier carrier_tcp_lf = CARRIER_TCP(WIRE_PLAIN_LF);
