/* A connection as it comes in on an HTTP address: a socket that is read strictly, answered, kept
 * for the next request, or handed on as a WebSocket once a handshake has been judged. Owns its
 * socket until then, and bytes only while a head is incomplete or an answer is not out. Worker's
 * thread only. */
#ifndef NET_HTTP_CONN_H
#define NET_HTTP_CONN_H

#include "net/env.h"
#include "net/http_routes.h"
#include "net/peer.h"

struct http_conn;

/* Takes over fd, and the place of former in the poller unless that is NULL. counted: in the limits
 * of the peer's address; those of a proxy's clients are counted when they ask for a WebSocket.
 * door: what it came in by. refusal: NULL, or a sentence that is all the client gets. False when
 * out of memory: fd is the caller's then. */
struct door;
bool http_conn_new(struct net_env *env, int fd, struct watch *former, const struct net_peer *peer,
                   bool counted, const struct door *door, uint64_t opened_ms, const char *refusal);

/* --- for services whose answers do not come at once ----------------------------------------- */

struct http_task *http_conn_task(const struct http_conn *conn);

/* Answers the request, which is over then; conn may be gone afterwards. False: certainly not all of
 * it will be written. connection and head_only are not the caller's. */
bool http_conn_answer(struct http_conn *conn, struct http_answer *answer, struct plug_str body);
/* The head of an answer that the service writes itself, into out. */
void http_conn_put_head(struct http_conn *conn, struct buf *out, struct http_answer *answer,
                        size_t body_len);
/* Likewise, with all bytes of the answer. */
bool http_conn_answer_whole(struct http_conn *conn, struct plug_str bytes);
/* Begins an answer that goes on for as long as its service and its client like; the end of the
 * client frees the task. False: conn is gone, here and below. */
bool http_conn_stream(struct http_conn *conn, struct http_answer *answer);
bool http_conn_put(struct http_conn *conn, struct plug_str bytes);
/* What the client has not taken of it yet; whoever puts keeps it small. */
size_t http_conn_unsent(const struct http_conn *conn);
/* It ends, and so does conn, when all is written. */
void http_conn_end_stream(struct http_conn *conn);
/* The watch by which the socket goes to whoever writes the answer (poller_move), and comes back. */
struct watch *http_conn_watch(struct http_conn *conn);
/* It has come back, and the answer is complete; conn may be gone afterwards. */
void http_conn_return(struct http_conn *conn);
/* It has come back and is to be closed; conn is gone afterwards. */
void http_conn_drop(struct http_conn *conn);
/* The request waits in list until somebody answers it, or its client leaves. */
void http_conn_park(struct http_conn *conn, struct list *list);
/* It is not to be waited for any more. */
void http_conn_unpark_one(struct http_conn *conn);
/* The first of such a list, not in it any more; NULL: it is empty. */
struct http_conn *http_conn_unpark(struct list *list);
/* The request becomes that worker's, which serves it in its turn. */
void http_conn_hand(struct http_conn *conn, struct net_env *to);

/* --- for the worker's turn ------------------------------------------------------------------- */

/* Takes what others have handed over; with serve it is served, else cut off. */
void http_conns_take(struct net_env *env, bool serve);
/* Reads the requests that came while others were served. True: there were any. */
bool http_conns_resume(struct net_env *env);
/* Ends all that wait for a request, and the others with the answer that is on its way. */
void http_conns_drain(struct net_env *env);
/* Cuts all off. */
void http_conns_cut(struct net_env *env);

#endif
