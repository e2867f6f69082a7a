/* What the log says of single connections: that one is there, that a frame was refused, that a
 * limit ended it, and the access log's line at its end. Each line names the session by its id.
 * Lines that a client can cause are limited in number. Owns nothing. Worker's thread only. */
#ifndef NET_CONN_LOG_H
#define NET_CONN_LOG_H

#include "net/conn.h"

/* For session_env.limited, refused and admitted. */
void conn_log_limit(const struct session *session, const char *why);
void conn_log_refused(const struct session *session, struct plug_str message, bool stays);
void conn_log_admitted(const struct session *session);

/* It has ended. lost: without a word. */
void conn_log_end(const struct conn *conn, bool lost);

#endif
