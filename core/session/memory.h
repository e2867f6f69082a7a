/* What a session makes the server keep beside its queue and its transactions: subscriptions with
 * their ids and patterns, and receipts that wait for the broker. Counted in bytes against
 * max-session-memory, for all of it is as long as the client likes. Owns nothing. Worker's thread
 * only. */
#ifndef SESSION_MEMORY_H
#define SESSION_MEMORY_H

#include "session/session.h"

/* Ends the session with an ERROR that names the receipt (may be NULL). */
void session_keeps_too_much(struct session *session, const struct plug_str *receipt);

/* Counts so many bytes more. False: that is too much, and the session has ended. */
static inline bool session_keep(struct session *session, const struct plug_str *receipt,
                                size_t bytes)
{
  session->kept_bytes += (uint32_t)bytes;
  if (session->kept_bytes <= session->env->max_session_memory)
    return true;
  session_keeps_too_much(session, receipt);
  return false;
}

static inline void session_release(struct session *session, size_t bytes)
{
  session->kept_bytes -= (uint32_t)bytes;
}

/* Ends a subscription of the hub whose bytes have been counted. How many a client has is the
 * caller's to count: a user destination is two of the hub's. */
void session_end_subscription(struct session *session, struct subscription *sub);

#endif
