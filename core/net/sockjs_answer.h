/* How SockJS requests are answered: with a text, with one frame, or with a stream that a frame
 * begins and chunks go on with. Knows the request and nothing of its session. Owns nothing.
 * Worker's thread only. */
#ifndef NET_SOCKJS_ANSWER_H
#define NET_SOCKJS_ANSWER_H

#include "base/buf.h"
#include "net/sockjs_request.h"

/* Whether the request's transport keeps its answer open. */
bool sockjs_answer_streams(const struct http_conn *http);

/* --- whole answers: the request is over then, and http may be gone ------------------------- */

void sockjs_answer_plain(struct http_conn *http, uint16_t status, const char *text);
/* With a header line that says when to try again. */
void sockjs_answer_later(struct http_conn *http, uint16_t status, const char *retry_after,
                         const char *text);
/* 429: the client has too many sessions, or begins them too fast. */
void sockjs_answer_too_many(struct http_conn *http);
/* Messages have been taken. */
void sockjs_answer_sender(struct http_conn *http);
/* False: it will certainly not arrive. */
bool sockjs_answer_frame(struct http_conn *http, struct plug_str frame);

/* --- pieces of a stream, put into out ------------------------------------------------------ */

/* The head, and what each stream begins with. */
void sockjs_answer_put_begin(struct buf *out, struct http_conn *http);
void sockjs_answer_put_frame(struct buf *out, const struct sockjs_request *request,
                             struct plug_str frame);
void sockjs_answer_put_end(struct buf *out, const struct sockjs_request *request);

#endif
