/* SEND: whether its destination is open to the session, and the message that becomes of it. What is
 * known of destinations and of heads is kept in the worker's caches. Owns nothing. Worker's thread
 * only. */
#ifndef SESSION_SEND_H
#define SESSION_SEND_H

#include "session/session.h"

/* Where a SEND goes; checked. */
struct send_target {
  const struct plug_str *destination;
  uint64_t hash; /* of its text; of the broker's only */
  enum destination_kind kind;
  const struct stomp_head *head; /* the frame's, whose note is true of it; or NULL */
};

/* Fills target, or the session has failed, or the frame is ignored. */
bool send_find_target(struct session *session, const struct stomp_frame *frame,
                      struct send_target *target);
/* Does all that a SEND asks for whose head is known (struct stomp_frame.head), or nothing: false.
 */
bool send_known(struct session *session, const struct stomp_frame *frame);
/* waiter: for the receipt of this SEND or of the COMMIT that it is part of, or NULL. */
void send_now(struct session *session, const struct stomp_frame *frame,
              const struct send_target *target, struct session_waiter *waiter);
/* The same with the receipt that it may ask for. */
void send_handle(struct session *session, const struct stomp_frame *frame,
                 const struct send_target *target);

#endif
