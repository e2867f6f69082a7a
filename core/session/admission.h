/* Who the client is and what it may do, from the session's side: the CONNECT that waits for a
 * verdict, denials, the end of an identity, its renewal, and what plugins take away. Owns the
 * session's subject. Worker's thread only.
 *
 *   CONNECT --> admission_begin --> awaiting --> admitted, or ERROR and closed
 *   SEND /plugboard/token --> the identity is renewed, or an ERROR that leaves all as it was
 *   the identity ends --> a MESSAGE ahead, to who subscribed to /plugboard/token; ERROR and closed
 */
#ifndef SESSION_ADMISSION_H
#define SESSION_ADMISSION_H

#include "session/session.h"

/* For access_worker_new; owners are sessions. */
extern const struct access_events admission_events;

/* A CONNECT that is sound. Only with access control. */
void admission_begin(struct session *session, const struct stomp_frame *frame,
                     const struct session_agreement *agreement);
void admission_leave(struct session *session); /* the session has ended */
void admission_free(struct session *session);

const struct plug_identity *admission_who(const struct session *session); /* NULL: nobody */
struct identity *admission_identity(const struct session *session);       /* likewise; borrowed */

/* True: the frame was for /plugboard/token and has been dealt with. */
bool admission_takes(struct session *session, const struct stomp_frame *frame);
bool admission_has_id(const struct session *session, struct plug_str id);
bool admission_unsubscribe(struct session *session, struct plug_str id);

/* May it? *lasting: for all of its class. False: the client has had its ERROR, or the frame waits
 * for a plugin's answer and will come again. */
bool admission_may(struct session *session, const struct stomp_frame *frame, unsigned action,
                   struct plug_str destination, bool is_pattern, bool *lasting);
/* It awaits a verdict, and has for longer than that. */
bool admission_is_overdue(const struct session *session, uint64_t now_ms, uint64_t timeout_ms);
/* What a transaction holds was judged when it came: plugins are not asked once more. */
void admission_commits(struct session *session, bool begins);

/* A header that carries credentials and goes to nobody. */
bool admission_is_credential(const struct session_env *env, struct plug_str name);

/* True: the session has ended. */
bool admission_tick(struct session *session, uint64_t now_ms);
uint64_t admission_deadline_ms(const struct session *session);

#endif
