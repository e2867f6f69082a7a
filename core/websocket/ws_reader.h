/* Reads what a WebSocket client sends, or a server, as strictly as RFC 6455 has it: bytes go in,
 * unmasked in their place, and pieces of messages, control frames and faults come out. No I/O.
 * Owns nothing but its state; a message's text is not checked for UTF-8 here. The thread that owns
 * it. */
#ifndef WEBSOCKET_WS_READER_H
#define WEBSOCKET_WS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_CONTINUATION 0u
#define WS_TEXT         1u
#define WS_BINARY       2u
#define WS_CLOSE        8u
#define WS_PING         9u
#define WS_PONG         10u

#define WS_CONTROL_MAX 125 /* bytes of a control frame (RFC 6455 5.5) */

enum ws_event {
  WS_NEED_MORE, /* everything has been read */
  WS_GOT_DATA,  /* a piece of a message */
  WS_GOT_PING,  /* with its payload */
  WS_GOT_PONG,  /* likewise */
  WS_GOT_CLOSE, /* code: what to answer; nothing behind it counts */
  WS_GOT_FAULT, /* code and reason: how to fail the connection; nothing behind it counts */
};

struct ws_item {
  char *bytes; /* in the chunk; of a control frame that came in pieces, in the reader */
  size_t len;
  bool binary;
  bool ends;       /* the piece ends its message */
  bool ascii;      /* it is known to be nothing but ASCII */
  bool compressed; /* the message's first frame has RSV1 set (RFC 7692) */
  uint16_t code;
  const char *reason; /* static */
};

struct ws_reader {
  uint64_t left; /* bytes of this frame's payload that are still to come */
  uint8_t mask[4];
  uint8_t mask_at; /* which of these the next byte meets */
  uint8_t head[14];
  uint8_t n_head; /* bytes of the frame's head that have come; 0 within a payload */
  uint8_t opcode; /* of the frame */
  bool fin;
  bool in_payload;
  bool may_compress; /* set by the owner: RSV1 has been agreed upon */
  bool from_server;  /* set by the owner: frames are a server's, which are not masked */
  bool compressed;   /* the message that is open */
  uint8_t message;   /* opcode of the message that is open: WS_TEXT, WS_BINARY or 0 */
  uint8_t n_control;
  uint8_t *control; /* a control frame that came in pieces: WS_CONTROL_MAX bytes, or NULL */
};

/* A zeroed reader is at the start of a connection. */
void ws_reader_fini(struct ws_reader *reader);

/* Reads from *at up to end, which it may write to, and moves *at behind what it has read. */
enum ws_event ws_reader_next(struct ws_reader *reader, char **at, char *end, struct ws_item *item);

/* Unmasks (or masks) bytes; mask_at says which of mask's four bytes meets the first. Returns which
 * meets the byte behind them. */
uint8_t ws_unmask(char *bytes, size_t len, const uint8_t mask[4], uint8_t mask_at);

/* May a peer send this in a Close frame (RFC 6455 7.4, and the registry it founded)? */
bool ws_close_code_is_valid(unsigned code);

#endif
