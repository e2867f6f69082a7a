/* The STOMP session: what a server does with the frames of one client. Bytes and the time go in;
 * queued frames, publishes, deadlines and a wish to close come out. No I/O, and no knowledge of
 * what carries it (WebSocket, SockJS, TCP). Owns what it has of a frame, its subscriptions, its
 * transactions, its outgoing queue and the receipts that it still owes. Worker's thread only. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "access/access.h"
#include "access/refused_users.h"
#include "app/app.h"
#include "base/utf8.h"
#include "hub/destination.h"
#include "hub/hub.h"
#include "session/terms.h"
#include "stomp/stomp_parser.h"

/* WebSocket close codes that a session asks for; docs/protocol.md has the table for users. */
#define CLOSE_NORMAL   1000 /* after DISCONNECT */
#define CLOSE_GOING    1001 /* the server stops, as Spring says it */
#define CLOSE_PROTOCOL 1002 /* after an ERROR frame */
#define CLOSE_BAD_UTF8 1007 /* after an ERROR frame about a text message that is not UTF-8 */
#define CLOSE_TOO_BIG  1009 /* after an ERROR frame about a size limit */
#define CLOSE_INTERNAL 1011
#define CLOSE_RESTART  1012 /* after an ERROR frame: the server stops, come back */
#define CLOSE_BUSY     1013 /* after an ERROR frame: nobody could judge the CONNECT; try later */
#define CLOSE_EXPIRED  4401 /* after an ERROR frame: the token has expired */
#define CLOSE_DENIED   4403 /* after an ERROR frame: access was denied or withdrawn */
#define CLOSE_SLOW     4500 /* the queue is full or a send made no progress */

struct session;

/* A destination that was found open to the SENDs of an access class, by the rules of this
 * generation (net/generation.h), and a publisher sends to few destinations. Two cache lines. */
#define SESSION_SENDABLE_BYTES 101
struct session_sendable {
  uint64_t serial;   /* another one each time that it is filled; 0: empty */
  uint64_t class_id; /* of the sessions that it holds for; 0 without access control */
  uint64_t hash;     /* of the text */
  uint16_t door;     /* of the sessions, too: struct session_terms.number */
  uint8_t len;       /* 0: empty */
  char text[SESSION_SENDABLE_BYTES];
};
#define SESSION_SENDABLES_BITS 10

/* What the sessions of one worker share. */
struct session_env {
  struct hub *hub;
  struct session_terms terms; /* of sessions that have entered by no door of their own */
  struct stomp_scratch *scratch;
  struct stomp_parser parser; /* lent to the session that reads, if parser_lent */
  bool parser_lent;
  struct plug_kv *kv; /* STOMP_HEADERS_CAP of them: scratch for the headers of a message */
  struct session_sendable sendable[1 << SESSION_SENDABLES_BITS];
  struct access_worker *access;  /* NULL: everybody may do what destinations says */
  struct refused_users *refused; /* NULL: nobody is refused */
  struct app_worker *app;        /* NULL: no applications */
  const struct user_names *users;
  unsigned worker;              /* its number, for names of sessions that are the node's */
  const char *server;           /* "plugboard/0.1.0" for CONNECTED */
  unsigned heartbeat_tolerance; /* percent of the negotiated interval */
  uint64_t connect_timeout_ms;
  uint64_t max_subscriptions, max_destination_length, max_transactions, max_transaction_bytes;
  uint64_t max_session_memory;
  uint64_t session_number; /* of the last one made */
  struct list waiting;     /* struct session_waiter.by_age of all sessions, oldest first; zeroed:
                            * empty */
  struct buf out;          /* scratch for frames that answer */
  bool congested;          /* set by publish: the session should slow down */
  /* As broker_publish (broker/broker.h). */
  plug_status (*publish)(struct session_env *env, const struct plug_msg *msg,
                         struct inbox_item *answer);
  /* With access only: reading may go on, deadlines have changed. */
  void (*wake)(struct session *session);
  /* For the log: a limit has ended the session, why says which. NULL: nobody wants to know. */
  void (*limited)(const struct session *session, const char *why);
  /* Likewise: an ERROR has been queued, after which the session ends or stays. */
  void (*refused_frame)(const struct session *session, struct plug_str message, bool stays);
  /* Likewise: CONNECTED has been queued. */
  void (*admitted)(const struct session *session);
  bool keeps_end; /* sessions keep end_user and end_why */
  /* As broker_publish_unheard; NULL: every message is made and published. */
  bool (*publish_unheard)(struct session_env *env, uint64_t topic_hash, size_t payload_len);
};

enum session_state { SESSION_CONNECTING, SESSION_CONNECTED, SESSION_LEAVING, SESSION_CLOSED };

struct session {
  struct outq out; /* first: the fan-out finds the session's queue, the carrier its session */
  struct session_env *env;
  const struct session_terms *terms;
  uint64_t number;
  uint64_t class_id;           /* of its subject; 0 without access control */
  struct handshake *handshake; /* owned; set by the carrier, until the client has been judged */
  struct admission *admission; /* owned; NULL without access control and before CONNECT */
  struct list subscriptions;   /* struct subscription.link */
  struct list waiters;         /* struct session_waiter.link */
  struct list transactions;    /* struct transaction.link */
  struct stomp_parser *parser; /* of what has been read: session_parser.h */
  uint64_t opened_ms;
  uint64_t last_rx_ms, last_tx_ms;             /* last_tx_ms is kept by the carrier */
  uint32_t read_timeout_ms, write_interval_ms; /* 0: no heart-beats that way */
  uint32_t n_subscriptions;
  uint32_t n_transactions;
  uint64_t transaction_bytes;
  uint64_t n_unacked;  /* kept by the hub */
  uint64_t n_frames;   /* that its client has sent */
  char *leave_receipt; /* of the DISCONNECT that waits for the other receipts */
  uint16_t close_code; /* set with SESSION_CLOSED: the carrier flushes, then closes */
  uint8_t state;
  uint8_t version;
  bool awaiting;            /* a verdict is awaited: the carrier reads no further until wake */
  bool deaf;                /* the carrier does not read now: silence is not the client's */
  bool slow_down;           /* the node is congested: the carrier should stop reading for a while */
  bool unacked_full;        /* a subscription is over max-unacked; ended at the next flush */
  bool costly;              /* its patterns are over max-pattern-steps; likewise */
  bool no_memory;           /* an answer could not be queued; likewise */
  bool erred;               /* it got an ERROR, and its terms let none stay; likewise */
  bool watched;             /* an application was told of a subscription */
  bool notices;             /* its CONNECT asks for word of a restart */
  uint32_t kept_bytes;      /* for max-session-memory, see memory.h */
  const char *close_reason; /* static */
  char *end_user, *end_why; /* for the log: its user, and what its last ERROR said; or NULL */
  struct list app_waits;    /* applications.c: requests whose answer is awaited */
  uint8_t id[16];           /* of CONNECTED; a name of user destinations */
};

#define SESSION_ID_TEXT 32
/* The id as it stands in CONNECTED. */
struct plug_str session_id_text(const struct session *session, char out[SESSION_ID_TEXT]);
/* The number by which plugins know it, unique on the node. */
static inline uint64_t session_node_number(const struct session *session)
{
  return node_session_number(session->env->worker, session->number);
}

void session_init(struct session *session, struct session_env *env, uint64_t now_ms);
/* It has come by a door of its own; before anything is received. terms outlive the session. */
void session_enter(struct session *session, const struct session_terms *terms);
/* The terms that it has have changed: what of them it has a copy of. */
void session_follow(struct session *session);
/* It carries no STOMP: it is open until session_close, and nothing is read or due. */
void session_begin_plain(struct session *session);
/* The connection is gone. */
void session_fini(struct session *session);

/* Bytes from the client; chunk may be written to. Does nothing once the session is closed. */
void session_receive(struct session *session, char *chunk, size_t len, uint64_t now_ms);
/* The same, but it stops behind a frame that met congestion (slow_down), for a chunk may hold
 * hundreds of SENDs, or that waits for a verdict (awaiting). Returns how many bytes at the chunk's
 * end are to be given again later. */
size_t session_receive_some(struct session *session, char *chunk, size_t len, uint64_t now_ms);

/* Does what is due. */
void session_tick(struct session *session, uint64_t now_ms);
/* When session_tick is due next; UINT64_MAX for never. */
uint64_t session_deadline_ms(const struct session *session);

/* Ends the session: no frame is read or delivered any more, what is queued is still flushed. */
void session_close(struct session *session, uint16_t code, const char *reason);
/* The queue's policy ended it, or it does not acknowledge (struct outq.overflow). */
void session_overflow(struct session *session);
/* Queues an ERROR about a fault of the carrier (bad UTF-8, say) and closes. */
void session_fault(struct session *session, uint16_t code, const char *message);

/* Refuses what has waited for longer than that for the broker: for times in which nobody else keeps
 * the deadlines. What comes later is dropped. */
void session_answer_overdue(struct session_env *env, uint64_t now_ms, uint64_t timeout_ms);

/* For the hub's on_published, on_interest, on_unacked_full and on_costly. */
void session_published(void *waiter, plug_status status);
void session_interest(struct subscription *sub, plug_status status);
void session_unacked_full(struct subscription *sub);
void session_costly(struct subscription *sub);

/* --- within core/session ------------------------------------------------------------------ */

/* Queues an answer that the policy may not drop. */
void session_queue(struct session *session, struct plug_str frame);
void session_receipt(struct session *session, struct plug_str receipt);
/* The ERROR of a protocol fault: frame (may be NULL) gives receipt-id, hint (may be NULL) is added
 * to the body. Closes with code. */
void session_fail(struct session *session, const struct stomp_frame *frame, uint16_t code,
                  const char *hint, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same for a limit: whoever runs the server learns of it, too. */
void session_fail_limit(struct session *session, const struct stomp_frame *frame, uint16_t code,
                        const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Whether the connection stays open, and if it does, whether the same request may succeed later:
 * the header recoverable. */
enum session_stays { SESSION_ENDS, SESSION_STAYS, SESSION_STAYS_TRY_AGAIN };

/* An ERROR in all its parts; those that are empty or NULL are left out. */
struct session_error {
  struct plug_str message;
  const struct plug_str *receipt;
  const char *code; /* error-code, for programs */
  const char *hint; /* added to the body */
  enum session_stays stays;
  uint32_t reconnect_ms; /* reconnect-in: when the client should come back */
  bool noted;            /* the log need not be told */
  bool with_versions;
};
void session_error(struct session *session, const struct session_error *error);

/* The client is let in: heart-beats as agreed, CONNECTED is queued. */
struct session_agreement {
  uint8_t version;
  bool beats_sent, beats_expected; /* which way heart-beats flow */
  bool notices;                    /* as struct session has it */
  uint32_t read_timeout_ms, write_interval_ms;
};
void session_admit(struct session *session, const struct session_agreement *agreement);

/* How many bytes of a client's text an error message quotes. */
static inline int session_shown(struct plug_str s)
{
  return (int)utf8_cut(s.ptr, s.len, 80);
}
/* An ERROR that names a request which the broker did not take; the connection stays open, as the
 * header recoverable says. */
void session_refuse(struct session *session, struct plug_str receipt, const char *what,
                    plug_status status);

struct session_waiter; /* session_waiter.h, as is the next */
struct session_refusal;

/* waiter, which may be NULL, gets one answer more if PLUG_PENDING is returned. */
plug_status session_publish(struct session_env *env, const struct plug_msg *msg,
                            struct session_waiter *waiter);

/* NULL: there is none, and the session has failed. */
const struct plug_str *session_need_header(struct session *session, const struct stomp_frame *frame,
                                           struct plug_str name);
/* The frame's destination if it may be used and somebody handles it; else the session has failed,
 * or the frame is ignored. */
const struct plug_str *session_known_destination(struct session *session,
                                                 const struct stomp_frame *frame,
                                                 enum destination_kind *kind);

/* Handles a frame other than CONNECT, STOMP and DISCONNECT. */
void session_command(struct session *session, struct stomp_frame *frame);

/* A DISCONNECT is answered, since nothing is awaited any more, and the session ends. */
void session_leave(struct session *session);

#endif
