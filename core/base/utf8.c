#include "base/utf8.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define HIGH_BITS 0x8080808080808080u

#ifdef __SSE2__
static inline __m128i load(const unsigned char *p)
{
  return _mm_loadu_si128((const __m128i *)(const void *)p);
}
#endif

bool utf8_feed(struct utf8_state *state, const void *bytes, size_t len)
{
  if (len == 0) /* bytes may be NULL then, which must not be added to */
    return true;
  const unsigned char *p = bytes, *end = p + len;
  while (p < end) {
    if (state->need) {
      unsigned char c = *p++;
      if (c < state->low || c > state->high)
        return false;
      state->low = 0x80;
      state->high = 0xbf;
      state->need--;
      continue;
    }
    /* Nearly all traffic is ASCII. */
#ifdef __SSE2__
    while (end - p >= 64) {
      __m128i a = _mm_or_si128(load(p), load(p + 16)), b = _mm_or_si128(load(p + 32), load(p + 48));
      if (_mm_movemask_epi8(_mm_or_si128(a, b)))
        break;
      p += 64;
    }
    while (end - p >= 16 && !_mm_movemask_epi8(load(p)))
      p += 16;
#endif
    while (end - p >= 8) {
      uint64_t word;
      memcpy(&word, p, 8);
      if (word & HIGH_BITS)
        break;
      p += 8;
    }
    while (p < end && *p < 0x80)
      p++;
    if (p == end)
      break;
    unsigned char c = *p++;
    state->low = 0x80;
    state->high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) {
      state->need = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
      state->need = 2;
      if (c == 0xe0)
        state->low = 0xa0;
      else if (c == 0xed)
        state->high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
      state->need = 3;
      if (c == 0xf0)
        state->low = 0x90;
      else if (c == 0xf4)
        state->high = 0x8f;
    } else {
      return false;
    }
  }
  return true;
}
