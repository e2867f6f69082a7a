/* SockJS as its clients speak it: a session's messages come by a stream of its own (xhr_streaming),
 * which begins anew when the server has ended it; what the sessions send goes by one connection,
 * the sender, whose requests follow each other without waiting. Owns the sender. One thread. */
#ifndef BENCH_LOAD_SOCKJS_H
#define BENCH_LOAD_SOCKJS_H

#include "load_conn.h"

/* The connection stands: a new session begins. */
void sockjs_begin(struct conn *conn);
/* What has come on a stream, or on the sender; returns the number of bytes used. */
size_t sockjs_read(struct conn *conn, const uint8_t *in, size_t len);
size_t sockjs_read_answers(struct conn *sender, const uint8_t *in, size_t len);
/* One message of the session. */
void sockjs_send(struct conn *conn, const struct bytes *message);
void sockjs_fini(struct load *load);

#endif
