/* What a session has to do with applications: its SENDs and SUBSCRIBEs go to them, their answers
 * are published, sent to it, or told it as an error; they are told of its subscriptions. Owns the
 * requests of a session whose answer is awaited. Worker's thread only.
 *
 * An error for the sender is a MESSAGE to what the session has subscribed to as /user/queue/errors,
 * and the negative receipt if one was asked for. It closes nothing unless [app] on-error says so.
 */
#ifndef SESSION_APPLICATIONS_H
#define SESSION_APPLICATIONS_H

#include "session/session.h"

#define APPLICATIONS_ERRORS "/queue/errors" /* below the prefix of user destinations */

/* Does anybody answer it? False: the client has had its ERROR, or the frame is ignored. */
bool applications_claim(struct session *session, const struct stomp_frame *frame,
                        struct plug_str destination, uint32_t action);
/* Claimed, and allowed. waiter: for its receipt, or NULL. */
void applications_send(struct session *session, const struct stomp_frame *frame,
                       struct plug_str destination, struct session_waiter *waiter);
void applications_subscribe(struct session *session, const struct stomp_frame *frame,
                            struct plug_str destination, struct plug_str id);

/* The negative receipt. */
void applications_refuse(struct session *session, struct plug_str receipt,
                         const struct session_refusal *refusal);

/* A subscription is active; told once. */
void applications_subscribed(struct session *session, struct subscription *sub);
/* It is about to end. */
void applications_unsubscribed(struct session *session, struct subscription *sub);
/* Applications that this worker's former ones did not have are told of all that there are. */
void applications_follow(struct session *session, const struct app *former);
/* The session has ended; its subscriptions have, too. */
void applications_leave(struct session *session);

/* For app_worker_new, with a struct session_env as ctx. */
void applications_publish(void *env, const struct plug_app_message *message,
                          struct app_publish *publish);

#endif
