/* A connection that carries a STOMP session: WebSocket, or plain TCP. Owns the session;
 * libwebsockets owns the socket. It writes what the session has queued, straight to the socket
 * while that takes it and through libwebsockets from there on. Worker's thread only. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <libwebsockets.h>

#include "base/utf8.h"
#include "base/wheel.h"
#include "net/sender.h"
#include "session/session.h"

struct worker;

enum conn_kind { CONN_WEBSOCKET, CONN_TCP };

struct conn {
  /* What each send touches stands together, before the session, whose queue comes first. */
  struct worker *worker;
  struct lws *wsi;
  struct list doomed; /* those to be cut off at the end of the turn, or empty */
  int fd;
  uint8_t kind;
  bool closing; /* the wish to close has been passed to libwebsockets, or the peer closes */
  bool sending; /* a send has been gathered and not yet accounted for */
  bool asked;   /* a writable callback is on its way */
  struct session session;
  struct wheel_timer timer;
  struct list link;   /* all of the worker's */
  struct list paused; /* those whose reading is paused, or empty */
  char *held;         /* what had been read when it was paused, or NULL */
  uint32_t held_at, held_end;
  struct utf8_state utf8;
  int stall_unsent;      /* bytes in the kernel's send queue when that was last looked at */
  uint64_t close_due_ms; /* when a closed session is cut off; 0: not yet decided */
  uint64_t stall_ms;     /* when a blocked send counts as stalled; 0: not blocked */
  uint32_t turn;         /* the worker's turn in which read_bytes were read */
  uint32_t read_bytes;
};

/* The connection of a session's queue. */
static inline struct conn *conn_of(struct outq *queue)
{
  return container_of(queue, struct conn, session.out);
}

/* NULL when out of memory. */
struct conn *conn_new(struct worker *worker, struct lws *wsi, enum conn_kind kind);
void conn_free(struct conn *conn);

/* Bytes from the peer. */
void conn_receive(struct conn *conn, char *bytes, size_t len);
/* The same for a piece of a WebSocket message, within the callback that gives it. */
void conn_receive_ws(struct conn *conn, char *bytes, size_t len);
/* libwebsockets says that the socket takes bytes again: they go out at the end of the turn. */
void conn_writable(struct conn *conn);
/* The peer has sent a Close frame: nothing may be sent behind our answer to it. */
void conn_peer_closes(struct conn *conn);

/* The next send of what is queued; false if there is nothing to send, or not now. *full: the
 * batches of this round are used up; finish the round and try again. */
bool conn_gather(struct conn *conn, struct sender_request *request, bool *full);
/* What became of it. Afterwards there may be more to gather. */
void conn_account(struct conn *conn, const struct sender_request *request);
/* Writes out at once what is queued: for struct outq_set. */
void conn_flush(struct outq *queue);
/* Everything has been gathered: closes the connection if its session has ended. May free conn. */
void conn_finish(struct conn *conn);
void conn_on_timer(struct conn *conn, uint64_t now_ms);
/* Reading goes on, unless what was held of the last read finds the node congested again. */
void conn_resume(struct conn *conn);
/* For session_env.wake: a verdict is there, or a deadline has changed. */
void conn_wake(struct session *session);
/* Cuts the connection off at the end of the turn, without a Close frame. */
void conn_doom(struct conn *conn);
/* For the end of the turn only; frees conn. */
void conn_cut(struct conn *conn);

#endif
