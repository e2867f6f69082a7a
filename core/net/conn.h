/* A connection that carries a STOMP session, whatever the carrier. Owns its socket, the session and
 * what the socket did not take at once. Reads when the socket has something, writes once per turn
 * what the session has queued. Worker's thread only. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/carrier.h"
#include "net/census.h"
#include "net/env.h"
#include "net/peer.h"
#include "net/sender.h"
#include "session/session.h"

struct conn {
  /* What each send touches stands together, before the session, whose queue comes first. */
  struct net_env *env;
  const struct carrier *carrier;
  struct watch watch; /* has the socket */
  struct list doomed; /* those to be cut off at the end of the turn, or empty */
  bool sending;       /* a send has been gathered and not yet accounted for */
  bool ended;         /* the peer sends nothing any more */
  bool farewell;      /* the last frame is under way or out */
  bool closes_later;  /* the peer has said farewell while a verdict was awaited */
  uint8_t wire;       /* how frames are written: enum wire */
  uint8_t parting;    /* enum parting_stage */
  uint8_t transport;  /* enum transport, once it has entered */
  bool entered;       /* is in the census */
  uint64_t bytes_out; /* on this connection; of requests of SockJS, what they carry for it */
  uint64_t n_sent;    /* frames that the socket has taken, in part the last */
  struct session session;
  struct timer timer;
  struct list link;      /* all of the worker's */
  struct list paused;    /* those whose reading is paused, or empty */
  struct frame *partial; /* what the socket took in part, or NULL */
  uint32_t partial_at;   /* so much of it */
  char *held;            /* what had been read when it was paused, or NULL */
  uint32_t held_at, held_end;
  uint16_t end_code;     /* the client closed it: with this; 0: it did not, or not first */
  int stall_unsent;      /* bytes in the kernel's send queue when that was last looked at */
  uint64_t close_due_ms; /* when a closed session is cut off; 0: not yet decided */
  uint64_t parting_ms;   /* when that stage ends */
  uint64_t stall_ms;     /* when a blocked send counts as stalled; 0: not blocked */
  uint32_t turn;         /* the worker's turn in which read_bytes were read */
  uint32_t read_bytes;
  uint64_t bytes_in; /* as bytes_out */
  struct net_peer peer;
  bool counted;
};

/* What the connections of a worker lie in; all must be gone at the end. */
void conn_stores_init(struct net_env *env);
void conn_stores_fini(struct net_env *env);

/* A walk over all connections of a worker, of which some come and go between two steps. */
struct conn_scan {
  struct list link;  /* in net_env.scans */
  struct list *next; /* the connection to be seen next, or the list's head */
};
void conn_scan_begin(struct conn_scan *scan, struct net_env *env);
/* NULL: that were all, and the scan is over. */
struct conn *conn_scan_next(struct conn_scan *scan, struct net_env *env);
void conn_scan_end(struct conn_scan *scan); /* before that */
/* How its client came, for operators: "sockjs-xhr-streaming". */
const char *conn_transport(const struct conn *conn);

/* The connection of a session's queue. */
static inline struct conn *conn_of(struct outq *queue)
{
  return container_of(queue, struct conn, session.out);
}

/* Takes over fd, and the place of former in the poller unless that is NULL. fd -1: it has no socket
 * yet (conn_attach). peer: who the client is; counted: in the limits of its address. opened_ms:
 * when it came. NULL when out of memory: fd and its watch are the caller's then. */
struct conn *conn_new(struct net_env *env, int fd, struct watch *former,
                      const struct carrier *carrier, const struct net_peer *peer, bool counted,
                      uint64_t opened_ms);

/* It has come in by this endpoint (NULL: over TCP), before anything is received. */
void conn_enter(struct conn *conn, const struct settings_endpoint *endpoint,
                enum transport transport);
/* It is carried by another one now. */
void conn_set_transport(struct conn *conn, enum transport transport);

/* What goes out before anything of the session: the answer to a handshake. */
void conn_greet(struct conn *conn, struct plug_str bytes);
/* Bytes that came along with what made the connection one. */
void conn_receive(struct conn *conn, char *bytes, size_t len);

/* --- for carriers ------------------------------------------------------------------------- */

/* Bytes for the session. */
void conn_deliver(struct conn *conn, char *bytes, size_t len);
/* Queues a frame of the carrier's own. */
void conn_queue(struct conn *conn, struct frame *frame);
/* The carrier's protocol was violated: ends the session, with an ERROR frame where message is not
 * NULL and the session still takes one. */
void conn_fault(struct conn *conn, uint16_t code, const char *message, const char *reason);
/* A socket has come, in the place of former in the poller; what is queued goes out by it. */
void conn_attach(struct conn *conn, int fd, struct watch *former, enum wire wire);
/* It is not the connection's any more; its place in the poller is to's. What had not been written
 * is lost. */
void conn_detach(struct conn *conn, struct watch *to);
/* Writes bytes that are no frame of the queue, behind what is under way. False: not all, or the
 * connection is doomed; written is called in due time. */
bool conn_write_raw(struct conn *conn, struct plug_str bytes);
/* Who has connected is served before those who have not. */
void conn_settle(struct conn *conn);
/* The deadlines may have changed. */
void conn_arm(struct conn *conn);
/* The peer has said farewell: what it sent before counts, nothing more is written to it but ours.
 */
void conn_peer_closes(struct conn *conn);

/* --- for the worker's turn ----------------------------------------------------------------- */

/* The next send of what is queued; false if there is nothing to send, or not now. *full: the
 * batches of this round are used up; finish the round and try again. */
bool conn_gather(struct conn *conn, struct sender_request *request, bool *full);
/* What became of it. Afterwards there may be more to gather. */
void conn_account(struct conn *conn, const struct sender_request *request);
/* Writes out at once what is queued: for struct outq_set. */
void conn_flush(struct outq *queue);
/* Everything has been gathered: says farewell if the session has ended. */
void conn_finish(struct conn *conn);
/* Reading goes on, unless what was held of the last read finds the node congested again. */
void conn_resume(struct conn *conn);
/* For session_env.wake: a verdict is there, or a deadline has changed. */
void conn_wake(struct session *session);
/* Reading stops or goes on, as net_env.quiet says. */
void conn_update_reading(struct conn *conn);
/* Cuts the connection off at the end of the turn. */
void conn_doom(struct conn *conn);
/* The same, because it broke. */
void conn_lose(struct conn *conn);
/* For the end of the turn only; frees conn. */
void conn_cut(struct conn *conn);

#endif
