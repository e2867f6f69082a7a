/* The opening handshake of WebSocket, seen from the server (RFC 6455 4.2): judges a request and
 * makes the answer. No I/O. Origins and paths are judged elsewhere. Owns nothing but the
 * hash algorithm, which is fetched once for the process. Any thread. */
#ifndef WEBSOCKET_WS_UPGRADE_H
#define WEBSOCKET_WS_UPGRADE_H

#include "base/buf.h"
#include "http/http_head.h"

#define WS_KEY_LEN    24 /* of Sec-WebSocket-Key: 16 bytes in base64 */
#define WS_ACCEPT_LEN 28 /* of Sec-WebSocket-Accept: 20 bytes */

struct ws_upgrade {
  struct plug_str key;
  struct plug_str protocol; /* static; the subprotocol agreed upon, or empty */
  bool deflate;             /* the caller's: permessage-deflate is agreed upon (ws_deflate.h) */
};

/* Does the request ask to be upgraded to anything? Others are plain requests. */
bool ws_upgrade_wanted(const struct http_head *head);

/* True: the request is a handshake, and *upgrade is filled. False: *fault is the refusal. */
bool ws_upgrade_judge(const struct http_head *head, struct ws_upgrade *upgrade,
                      struct http_fault *fault);

/* The 101. buf_put's failed says if there was no memory. */
void ws_upgrade_put_answer(struct buf *out, const struct ws_upgrade *upgrade);

/* RFC 6455 4.2.2, 5.4, for a key of WS_KEY_LEN bytes; false when the hash cannot be had. */
bool ws_upgrade_accept(struct plug_str key, char out[WS_ACCEPT_LEN + 1]);

#endif
