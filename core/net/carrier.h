/* What a connection needs to know of the protocol that carries its STOMP session. One file per
 * carrier, carrier_NAME.c; nobody else asks which it is. Worker's thread only. */
#ifndef NET_CARRIER_H
#define NET_CARRIER_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/frame.h"

struct conn;

struct carrier {
  const char *name;
  size_t size; /* of its connection, which begins with a struct conn */
  enum frame_form form;
  /* Bytes from the peer, which may be written to; hands what is for the session to conn_deliver. */
  void (*receive)(struct conn *conn, char *bytes, size_t len);
  /* The peer sends nothing any more. True: it may still be listening. */
  bool (*on_end)(struct conn *conn);
  /* The last frame of a session that has ended, with a reference for the caller; NULL: none. */
  struct frame *(*farewell)(struct conn *conn);
  /* That has been written, too. True: the connection is over; false: the peer has the last word. */
  bool (*said_farewell)(struct conn *conn);
  /* When tick is due next, UINT64_MAX for never, and what it does while the session is not closed;
   * both or neither. That moment may move away unnoticed: tick looks at the clock. */
  uint64_t (*due_ms)(const struct conn *conn);
  void (*tick)(struct conn *conn, uint64_t now_ms);
  void (*fini)(struct conn *conn); /* frees what it holds beside its connection, or NULL */
};

/* carrier_tcp_lf: with a line feed behind each frame. */
extern const struct carrier carrier_websocket, carrier_tcp, carrier_tcp_lf;

#endif
