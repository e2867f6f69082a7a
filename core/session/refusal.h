/* Refusals that leave the connection open: what the client is told when the broker did not take its
 * request, or when nobody has the destination that it names. Owns nothing. Worker's thread only. */
#ifndef SESSION_REFUSAL_H
#define SESSION_REFUSAL_H

#include "session/session.h"

/* Why the broker did not take it, as a part of a sentence. */
const char *refusal_text(plug_status status);
/* Can the same request succeed later? If not, the ERROR says recoverable:false. */
bool refusal_passes(plug_status status);

/* [destinations] unknown-destination = ignore: nobody has the frame's destination. It is answered
 * only if it has asked for an answer, as far as the profile gives any. */
void session_ignore(struct session *session, const struct stomp_frame *frame,
                    const struct plug_str *destination);

/* What Spring says of a session that it ends, to the byte. */
void session_say_closed(struct session *session);

#endif
