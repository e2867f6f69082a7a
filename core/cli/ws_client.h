/* The client's side of WebSocket (RFC 6455 4.1, 5.3): the request, the judgement of the answer, and
 * masked frames. What comes is read by ws_reader. No I/O, owns nothing. Any thread. */
#ifndef CLI_WS_CLIENT_H
#define CLI_WS_CLIENT_H

#include "base/buf.h"
#include "base/str.h"
#include "cli/text_list.h"
#include "websocket/ws_upgrade.h"

#define WS_CLIENT_ANSWER_MAX 16384 /* bytes of an answer's head */

/* A new key in base64; false: there is no randomness. */
bool ws_client_make_key(char key[WS_KEY_LEN + 1]);

/* headers: further lines, "NAME: VALUE". */
void ws_client_put_request(struct buf *out, const char *authority, const char *path,
                           const char *key, const struct text_list *headers);

enum ws_client_answer {
  WS_CLIENT_MORE,
  WS_CLIENT_OPEN,
  WS_CLIENT_REFUSED,
  WS_CLIENT_UNAVAILABLE, /* 5xx: who answers cannot now */
  WS_CLIENT_GARBAGE,
};

/* bytes: all that has come. OPEN: *used is the length of the answer, what is behind it are frames.
 * REFUSED, UNAVAILABLE, GARBAGE: why says what came instead. */
enum ws_client_answer ws_client_read_answer(const char *bytes, size_t len, const char *key,
                                            size_t *used, char why[240]);

/* One frame that is a message of its own, or a control frame. */
void ws_client_put_frame(struct buf *out, unsigned opcode, struct plug_str payload);

#endif
