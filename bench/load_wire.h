/* Wire helpers of the load generator: client WebSocket frames and the stamp at the start of every
 * body. Owns nothing. Any thread. */
#ifndef BENCH_LOAD_WIRE_H
#define BENCH_LOAD_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cli/stamp.h"

/* A growing byte array; running out of memory ends the program, as a measurement that went on
 * without some of its messages would be worthless. */
struct bytes {
  uint8_t *at;
  size_t len, cap;
};

void bytes_put(struct bytes *b, const void *data, size_t len);
void bytes_put_text(struct bytes *b, const char *text);
__attribute__((format(printf, 2, 3))) void bytes_printf(struct bytes *b, const char *format, ...);
void bytes_free(struct bytes *b);

enum { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* Appends one masked frame. Returns the offset of its payload in out->at. The key is a fixed one
 * other than zero: servers may skip the unmasking of a zero key, which no browser sends. */
size_t ws_put_frame(struct bytes *out, int opcode, const void *payload, size_t len);

/* The stamp as it goes out with the key of ws_put_frame, starting at key byte phase. */
void stamp_put_masked(uint8_t *out, const struct stamp *stamp, size_t phase);

#endif
