/* What somebody outside has decided about sessions: they end, or lose a subscription, and their
 * clients are told why. Owns nothing. Worker's thread only. */
#ifndef SESSION_ORDERS_H
#define SESSION_ORDERS_H

#include "session/session.h"

/* Is it a session of this user, or where user is empty the one of this id? */
bool session_is_of(const struct session *session, struct plug_str user, struct plug_str id);

/* An ERROR with the reason, then the end. */
void session_disconnect(struct session *session, struct plug_str reason);

/* Ends its subscriptions to what its client wrote as destination, with an ERROR for each that
 * leaves the connection open. Returns how many there were. */
size_t session_take_away(struct session *session, struct plug_str destination,
                         struct plug_str reason);

/* The receipt that a SUBSCRIBE still waits for, in out; empty: none, or it is too long. */
#define SESSION_RECEIPT_TEXT 256
struct plug_str session_owed_receipt(const struct subscription *sub,
                                     char out[SESSION_RECEIPT_TEXT]);

#endif
