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

static inline bool is_ascii_word(const unsigned char *p)
{
  uint64_t word;
  memcpy(&word, p, 8);
  return !(word & HIGH_BITS);
}

/* Reads the last bytes twice rather than one by one. */
static bool is_ascii(const unsigned char *p, size_t len)
{
  const unsigned char *end = p + len;
#ifdef __SSE2__
  if (len >= 16) {
    for (; end - p >= 64; p += 64) {
      __m128i a = _mm_or_si128(load(p), load(p + 16)), b = _mm_or_si128(load(p + 32), load(p + 48));
      if (_mm_movemask_epi8(_mm_or_si128(a, b)))
        return false;
    }
    for (; end - p >= 16; p += 16)
      if (_mm_movemask_epi8(load(p)))
        return false;
    return !_mm_movemask_epi8(load(end - 16));
  }
#endif
  if (len >= 8) {
    for (; end - p >= 8; p += 8)
      if (!is_ascii_word(p))
        return false;
    return is_ascii_word(end - 8);
  }
  while (p < end && *p < 0x80)
    p++;
  return p == end;
}

bool utf8_feed(struct utf8_state *state, const void *bytes, size_t len)
{
  if (len == 0) /* bytes may be NULL then, which must not be added to */
    return true;
  const unsigned char *p = bytes, *end = p + len;
  if (!state->need && is_ascii(p, len)) /* nearly all traffic */
    return true;
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
    while (end - p >= 8 && is_ascii_word(p))
      p += 8;
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

void utf8_mend(char *text)
{
  size_t len; /* of the character that begins at text */
  for (; *text; text += len) {
    struct utf8_state state = {0, 0, 0};
    for (len = 0; !len || !utf8_done(&state); len++)
      if (!text[len] || !utf8_feed(&state, text + len, 1)) {
        *text = '?';
        len = 1;
        break;
      }
  }
}
