/* The frames that a SockJS client is sent, and how each transport wraps them. No I/O, no state.
 * Owns nothing. Any thread. */
#ifndef SOCKJS_SOCKJS_FRAME_H
#define SOCKJS_SOCKJS_FRAME_H

#include <stdint.h>

#include "base/buf.h"
#include "sockjs/sockjs_url.h"

#define SOCKJS_OPEN "o"
#define SOCKJS_BEAT "h"

/* Close codes of SockJS's own. */
#define SOCKJS_CLOSE_AWAY        3000 /* "Go away!" */
#define SOCKJS_CLOSE_BUSY        2010 /* "Another connection still open" */
#define SOCKJS_CLOSE_INTERRUPTED 1002 /* "Connection interrupted" */

/* text as a JSON string, quotes included, escaped as browsers of all ages need it. A byte that is
 * no UTF-8 becomes a question mark, so that a content-length within stays right. */
void sockjs_put_string(struct buf *out, struct plug_str text);
/* c[1000,"reason"] */
void sockjs_put_close(struct buf *out, uint16_t code, const char *reason);

/* What stands before the first frame of each answer; empty for most. callback: see sockjs_url.h;
 * NULL where none is needed. */
void sockjs_put_prelude(struct buf *out, enum sockjs_transport transport, const char *callback);
/* A frame ("o", "a[...]") as the transport carries it. */
void sockjs_put_frame(struct buf *out, enum sockjs_transport transport, const char *callback,
                      struct plug_str frame);

#endif
