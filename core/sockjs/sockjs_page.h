/* The static answers of a SockJS endpoint: what it says of itself, and the page that other sites
 * load into a frame. No I/O. Owns nothing. Any thread. */
#ifndef SOCKJS_SOCKJS_PAGE_H
#define SOCKJS_SOCKJS_PAGE_H

#include <stdint.h>

#include "base/buf.h"

#define SOCKJS_GREETING_TEXT "Welcome to SockJS!\n"

void sockjs_put_info(struct buf *out, bool websocket, bool cookie, uint32_t entropy);
/* library: the URL of the client's library, which has been checked for quotes. */
void sockjs_put_iframe(struct buf *out, const char *library);

#endif
