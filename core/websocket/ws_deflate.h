/* permessage-deflate (RFC 7692) as a server uses it that writes one message to many: no message
 * refers to another, in neither direction, so that what is compressed once serves all, and a
 * connection holds no state of zlib's. No I/O. The thread's zlib streams are kept between calls. */
#ifndef WEBSOCKET_WS_DEFLATE_H
#define WEBSOCKET_WS_DEFLATE_H

#include "base/buf.h"
#include "http/http_head.h"

/* Does the handshake offer it on terms that can be kept? */
bool ws_deflate_is_offered(const struct http_head *head);

/* What the answer to such an offer says. */
#define WS_DEFLATE_ANSWER \
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* Appends the compressed message. False: out of memory. */
bool ws_deflate(struct buf *out, struct plug_str message);

enum ws_inflate { WS_INFLATED, WS_INFLATE_BAD, WS_INFLATE_TOO_LARGE, WS_INFLATE_NO_MEMORY };

/* Appends the message that was compressed to packed, as far as out does not grow beyond max bytes.
 */
enum ws_inflate ws_inflate(struct buf *out, struct plug_str packed, size_t max);

/* Frees what the thread keeps between calls. */
void ws_deflate_drop_streams(void);

#endif
