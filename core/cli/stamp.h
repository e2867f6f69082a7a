/* The stamp at the start of every body of a load generator: whose message it is, which, and of
 * when. Shared with bench/. Owns nothing. Any thread. */
#ifndef CLI_STAMP_H
#define CLI_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The stamp: a marker, the publisher's slot on the topic, a sequence number and a time, all in
 * letters so that the body stays plain text of constant length. */
enum { STAMP_LEN = 28 };

struct stamp {
  uint32_t slot;
  uint32_t seq;
  uint64_t time_ns;
};

void stamp_put(uint8_t *out, const struct stamp *stamp);

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
