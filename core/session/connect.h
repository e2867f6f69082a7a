/* CONNECT: the version and the heart-beats that are agreed on, and CONNECTED once the client is let
 * in (session_admit). Owns nothing. Worker's thread only. */
#ifndef SESSION_CONNECT_H
#define SESSION_CONNECT_H

#include "session/session.h"

/* A CONNECT or STOMP frame: the session has been admitted, waits for auth plugins, or has failed.
 */
void connect_handle(struct session *session, const struct stomp_frame *frame);

#endif
