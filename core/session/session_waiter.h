/* Receipts that wait: for the broker, which takes a message or an interest, or for an application.
 * A waiter counts the answers that are still to come and answers its client with the last of them.
 * Waiters of publishes outlive their session. The env lists them by age, for times in which nobody
 * else keeps the deadlines. Worker's thread only. */
#ifndef SESSION_SESSION_WAITER_H
#define SESSION_SESSION_WAITER_H

#include "session/session.h"

/* What an application has to say against a request. */
struct session_refusal {
  char code[33];
  char reason[256];
};

struct session_waiter {
  struct list link;
  struct list by_age; /* in the env's list, until it is answered */
  uint64_t since_ms;
  struct session *session;                     /* NULL: gone meanwhile */
  struct subscription *sub;                    /* a SUBSCRIBE waits for its interest; else NULL */
  uint32_t remaining;                          /* answers still to come */
  plug_status status;                          /* the worst so far */
  struct session_refusal *refusal;             /* instead of status; owned, or NULL */
  void (*done)(struct session_waiter *waiter); /* instead of an answer to a client, or NULL */
  void *arg;                                   /* of done */
  const char *what;                            /* "SEND" */
  bool refusals_only; /* the profile gives no RECEIPT; that it failed is told */
  size_t receipt_len;
  char receipt[];
};

/* NULL: out of memory, or the session has failed for max-session-memory. */
struct session_waiter *session_waiter_new(struct session *session, const char *what,
                                          struct plug_str receipt);
/* Of a session that is open: its answer is due within the time that the broker has, from now on. */
void session_waiter_expect(struct session_waiter *waiter);
/* One answer less; answers the client and frees the waiter with the last. */
void session_waiter_done(struct session_waiter *waiter, plug_status status);

/* Nobody is told any more of a SUBSCRIBE that waits. */
void session_waiters_drop_subscribes(struct session *session);
/* The session ends: waiters for the broker's answer to a publish outlive it, the others do not. */
void session_waiters_drop(struct session *session);

/* The SUBSCRIBE's receipt, if one is owed, is answered. */
void session_subscribed(struct subscription *sub, plug_status status);

/* Takes a subscription away for good; its SUBSCRIBE's receipt is no longer owed. */
void session_drop_subscription(struct session *session, struct subscription *sub);

#endif
