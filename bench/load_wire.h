/* Wire helpers of the load generator: client WebSocket frames and the stamp at the start of every
 * body. Owns nothing. Any thread. */
#ifndef BENCH_LOAD_WIRE_H
#define BENCH_LOAD_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* The stamp: a marker, the publisher's slot on the topic, a sequence number and a time, all in
 * letters so that the body stays plain text of constant length. */
enum { STAMP_LEN = 28 };

struct stamp {
  uint32_t slot;
  uint32_t seq;
  uint64_t time_ns;
};

/* Writes the stamp at out; masked says how the bytes go out: with the key of ws_put_frame, starting
 * at key byte phase. */
void stamp_put(uint8_t *out, const struct stamp *stamp);
void stamp_put_masked(uint8_t *out, const struct stamp *stamp, size_t phase);

static inline uint32_t stamp_read_u32(const uint8_t *in)
{
  uint64_t v;
  memcpy(&v, in, 8);
  v -= UINT64_C(0x6161616161616161);
  v = __builtin_bswap64(v); /* first letter is the highest nibble */
  v = (v | (v >> 4)) & UINT64_C(0x00ff00ff00ff00ff);
  v = (v | (v >> 8)) & UINT64_C(0x0000ffff0000ffff);
  return (uint32_t)(v | (v >> 16));
}

static inline struct stamp stamp_read(const uint8_t *in)
{
  return (struct stamp){(uint32_t)(((in[1] - 'a') << 8) | ((in[2] - 'a') << 4) | (in[3] - 'a')),
                        stamp_read_u32(in + 4),
                        ((uint64_t)stamp_read_u32(in + 12) << 32) | stamp_read_u32(in + 20)};
}

#endif
