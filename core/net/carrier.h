/* What a connection needs to know of the protocol that carries its STOMP session. One file per
 * carrier, carrier_NAME.c; nobody else asks which it is. Worker's thread only. */
#ifndef NET_CARRIER_H
#define NET_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/wire.h"

struct conn;

/* Connections of one size lie together, see base/slab.h. */
enum carrier_store {
  STORE_WEBSOCKET,
  STORE_WEBSOCKET_WHOLE,
  STORE_TCP,
  STORE_SOCKJS,
  STORE_SOCKJS_WEBSOCKET,
  CARRIER_STORES
};

struct carrier {
  const char *name;
  size_t size;      /* of its connection, which begins with a struct conn */
  uint8_t store;    /* enum carrier_store: the same size for all that have it */
  uint8_t wire;     /* enum wire, to begin with */
  uint32_t listens; /* what of the socket is waited for: EPOLLIN, or its end only */
  /* Bytes from the peer, which may be written to; hands what is for the session to conn_deliver. */
  void (*receive)(struct conn *conn, char *bytes, size_t len);
  /* The peer sends nothing any more. True: it may still be listening. */
  bool (*on_end)(struct conn *conn);
  /* The last frame of a session that has ended, with a reference for the caller; NULL: none. */
  struct frame *(*farewell)(struct conn *conn);
  /* That has been written, too. True: the connection is over; false: the peer has the last word. */
  bool (*said_farewell)(struct conn *conn);
  void (*fini)(struct conn *conn); /* frees what it holds beside its connection, or NULL */

  /* The rest may be NULL. */

  /* When the carrier has something to do by itself (UINT64_MAX: never), and doing it. */
  uint64_t (*deadline)(const struct conn *conn);
  void (*tick)(struct conn *conn, uint64_t now_ms);
  /* How long a closed session stays. */
  uint64_t (*close_wait)(const struct conn *conn);
  /* Writes what is queued itself; false: it is to be written as usual. */
  bool (*pump)(struct conn *conn);
  /* This frame has been written, or the socket has begun to take it. */
  void (*sent)(struct conn *conn, struct frame *frame);
  /* All that was begun has been written. */
  void (*written)(struct conn *conn);
  /* What the session could not read at once it has read now. */
  void (*drained)(struct conn *conn);
  /* The socket is lost. True: the connection goes on without one. */
  bool (*outlives)(struct conn *conn);
};

struct settings_endpoint;
struct service;

/* Behind the answer to the handshake in greeting: what SockJS begins with. */
void carrier_sockjs_websocket_begin(struct conn *conn, const struct settings_endpoint *endpoint,
                                    struct buf *greeting);

void carrier_websocket_whole_begin(struct conn *conn, const struct service *service, bool deflate);

/* carrier_tcp_lf: with a line feed behind each frame. */
extern const struct carrier carrier_websocket, carrier_tcp, carrier_tcp_lf, carrier_sockjs,
    carrier_sockjs_websocket, carrier_websocket_whole;

#endif
