/* Frames of the server's own: CONNECTED, RECEIPT, ERROR. They are put together in the worker's
 * scratch, one at a time, and queued behind what waits for the session. Owns nothing. Worker's
 * thread only. */
#ifndef SESSION_ANSWER_H
#define SESSION_ANSWER_H

#include "session/session.h"

/* The scratch, with the command in it; headers and body follow. */
struct buf *answer_begin(struct session *session, enum stomp_command command);
/* A header, escaped as the session's version has it. */
void answer_put(struct session *session, enum stomp_command command, struct plug_str name,
                struct plug_str value);
/* What is in the scratch. Without memory the session ends at its next flush. */
void answer_queue(struct session *session);

#endif
