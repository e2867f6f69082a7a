/* User destinations from the session's side: "/user/queue/x" is two subscriptions of the hub with
 * one id, one for all sessions of the user and a *twin* for this session alone; without an identity
 * there is only the latter. Owns nothing. Worker's thread only. */
#ifndef SESSION_USER_DESTINATIONS_H
#define SESSION_USER_DESTINATIONS_H

#include "session/session.h"

/* May this frame use it? False: the session has failed. */
bool user_destination_check(struct session *session, const struct stomp_frame *frame,
                            struct plug_str destination);

/* request: with the destination as the client wrote it. Returns how many subscriptions there are
 * now, the one of the client's id first; 0: out of memory. */
size_t user_subscribe(struct session *session, const struct hub_subscribe *request,
                      struct subscription *subs[2], plug_status statuses[2]);

/* --- for subscriptions of any kind -------------------------------------------------------- */

/* Not to a user destination. */
bool user_is_plain(const struct subscription *sub);
/* What its client has subscribed to, in shown if need be. */
struct plug_str user_shown_destination(const struct session *session,
                                       const struct subscription *sub, struct buf *shown);
/* Unsubscribes it, and its twin. */
void user_end(struct session *session, struct subscription *sub);
/* The waiter of its SUBSCRIBE is about to be freed. */
void user_forget_waiter(struct session *session, struct subscription *sub);
/* sub has had its answer: the waiter waits for its twin, if for anything. */
void user_pass_waiter(const struct subscription *sub, struct session_waiter *waiter);
/* sub may be NULL: false. */
bool user_ack(struct session *session, struct subscription *sub, struct plug_str message_id);
/* The next node of the session's list that is no twin of this one. */
struct list *user_next(const struct session *session, struct list *node);

#endif
