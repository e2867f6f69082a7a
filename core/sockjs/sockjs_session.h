/* The life of a SockJS session that is carried by HTTP requests: who may receive, when it beats,
 * when it is over. No I/O: events and the time go in, decisions come out. Owns nothing. The
 * session's thread only.
 *
 *        attach: open            attach: wait, detach         close
 *   new ---------------> open <------------------------> open ------> closed
 *                         absent for too long: expired     (answers with its close frame
 *                                                           until it expires, too)
 */
#ifndef SOCKJS_SOCKJS_SESSION_H
#define SOCKJS_SOCKJS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "sockjs/sockjs_url.h"

struct sockjs_limits {
  uint64_t heartbeat_ms;  /* 0: no heart-beats */
  uint64_t disconnect_ms; /* how long it lives without a receiver */
  uint64_t stream_bytes;  /* what one answer carries at most, or a little more */
  bool same_transport;    /* a session stays with the transport that began it (Spring) */
};

enum sockjs_state { SOCKJS_NEW, SOCKJS_OPENED, SOCKJS_CLOSED };

struct sockjs_session {
  const struct sockjs_limits *limits;
  uint64_t absent_ms; /* since when there is no receiver */
  uint64_t sent;      /* bytes of frames in this answer */
  uint8_t state;
  uint8_t transport; /* of the receiver that was last there */
  bool received;     /* there is a receiver */
};

void sockjs_session_init(struct sockjs_session *session, const struct sockjs_limits *limits,
                         enum sockjs_transport transport, uint64_t now_ms);

enum sockjs_welcome {
  SOCKJS_WELCOME_OPEN,   /* the first: gets the open frame; a poll is answered with it */
  SOCKJS_WELCOME_WAIT,   /* gets what there is, and what comes */
  SOCKJS_WELCOME_BUSY,   /* there is another one: is answered with 2010 */
  SOCKJS_WELCOME_CLOSED, /* the session is over: is answered with its close frame */
  SOCKJS_WELCOME_OTHER   /* the session is of another transport: is answered with 404 */
};

/* A receiving request has come. With OPEN and WAIT it is the session's receiver until detach. A
 * closed session that still has frames for its client (pending) hands them out first. */
enum sockjs_welcome sockjs_session_attach(struct sockjs_session *session,
                                          enum sockjs_transport transport, bool pending);
void sockjs_session_detach(struct sockjs_session *session, uint64_t now_ms);
/* len bytes of a frame have been written. */
void sockjs_session_sent(struct sockjs_session *session, size_t len);
/* The answer has carried what it may: the client comes back for more. */
bool sockjs_session_is_full(const struct sockjs_session *session);
void sockjs_session_close(struct sockjs_session *session);

enum sockjs_due { SOCKJS_DUE_NOTHING, SOCKJS_DUE_BEAT, SOCKJS_DUE_EXPIRED };

/* When something is due next; UINT64_MAX for never. last_ms: when something was last written;
 * quiet: no heart-beats, because the protocol above has its own. */
uint64_t sockjs_session_deadline_ms(const struct sockjs_session *session, uint64_t last_ms,
                                    bool quiet);
enum sockjs_due sockjs_session_tick(const struct sockjs_session *session, uint64_t last_ms,
                                    bool quiet, uint64_t now_ms);

#endif
