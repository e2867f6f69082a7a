/* What a client is told when the server is about to end its session to stop or to restart: a
 * notice, if it has asked for one in CONNECT, and the ERROR before the close. Owns nothing.
 * Worker's thread only. */
#ifndef SESSION_RESTART_H
#define SESSION_RESTART_H

#include "session/session.h"

#define RESTART_DESTINATION "/plugboard/server"
#define RESTART_REASON      "The server is restarting" /* of the close */

/* Does this value of CONNECT's header notices ask for word of a restart? */
bool restart_is_asked_for(struct plug_str notices);

/* Answers are still owed to the client: receipts, the verdict on its CONNECT, what an application
 * has to say. */
bool restart_owes(const struct session *session);

/* Queues the notice: a MESSAGE. Its client should make the new connection after reconnect_ms (0:
 * nothing is said of that); the session goes on, and is closed closes_in_ms later. */
void restart_notify(struct session *session, uint32_t reconnect_ms, uint64_t closes_in_ms);

/* Queues the ERROR and closes the session. reconnect_ms: after how long the client should come
 * back; 0: nothing is said of that. */
void restart_close(struct session *session, uint32_t reconnect_ms);

#endif
