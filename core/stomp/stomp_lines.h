/* The lines of a frame's head: where they end, where their colon is, and whether they hold anything
 * to be looked at closely; 64 bytes at a time. Owns nothing. The parser's thread. */
#ifndef STOMP_STOMP_LINES_H
#define STOMP_STOMP_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct line {
  size_t end;   /* offset of its LF */
  size_t colon; /* of its first ':', or SIZE_MAX */
  bool odd;     /* it may hold a NUL, a CR, a backslash or bytes above 0x7f: look closer */
};

/* Up to 64 bytes as bits: bit i stands for data[at + i]. */
struct window {
  size_t at, end;
  uint64_t lf, colon, odd; /* odd: see struct line; the CR of a CR LF is among them */
};

#define WINDOW_BYTES 64u

static inline void window_read(struct window *w, const char *bytes)
{
  w->lf = w->colon = w->odd = 0;
#ifdef __SSE2__
  const __m128i lfs = _mm_set1_epi8('\n'), colons = _mm_set1_epi8(':');
  const __m128i backslashes = _mm_set1_epi8('\\'), fourteens = _mm_set1_epi8(14);
#pragma GCC unroll 4
  for (unsigned i = 0; i < WINDOW_BYTES; i += 16) {
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
    /* Bytes above 0x7f are negative. */
    __m128i odd = _mm_or_si128(_mm_cmplt_epi8(x, fourteens), _mm_cmpeq_epi8(x, backslashes));
    w->lf |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, lfs)) << i;
    w->colon |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, colons)) << i;
    w->odd |= (uint64_t)(unsigned)_mm_movemask_epi8(odd) << i;
  }
#else
  for (unsigned i = 0; i < WINDOW_BYTES; i++) {
    char c = bytes[i];
    w->lf |= (uint64_t)(c == '\n') << i;
    w->colon |= (uint64_t)(c == ':') << i;
    w->odd |= (uint64_t)((signed char)c < 14 || c == '\\') << i;
  }
#endif
  w->odd &= ~w->lf;
}

/* data as a whole is shorter than a window. */
static inline void window_read_all(struct window *w, const char *data, size_t len)
{
  char all[WINDOW_BYTES] = {0};
  memcpy(all, data, len);
  window_read(w, all);
  w->odd &= (UINT64_C(1) << len) - 1;
  w->at = 0;
  w->end = len;
}

/* Moves the window so that it begins at `from`, or before it where too little is left of data. */
static inline void window_move(struct window *w, const char *data, size_t from, size_t len)
{
  if (len < WINDOW_BYTES) {
    window_read_all(w, data, len);
    return;
  }
  w->at = len - from < WINDOW_BYTES ? len - WINDOW_BYTES : from;
  w->end = w->at + WINDOW_BYTES;
  window_read(w, data + w->at);
}

/* Finds the end of the line that starts at from. False: it is not in data. */
static inline bool find_line(struct window *w, const char *data, size_t from, size_t len,
                             struct line *line)
{
  line->colon = SIZE_MAX;
  line->odd = false;
  for (size_t i = from; i < len; i = w->end) {
    if (i >= w->end)
      window_move(w, data, i, len);
    uint64_t line_bits = UINT64_MAX << (i - w->at);
    uint64_t lf = w->lf & line_bits;
    lf &= -lf;
    if (lf)
      line_bits &= lf - 1;
    uint64_t colon = w->colon & line_bits, odd = w->odd & line_bits;
    if (colon && line->colon == SIZE_MAX)
      line->colon = w->at + (unsigned)__builtin_ctzll(colon);
    if (!lf) {
      line->odd |= odd != 0;
      continue;
    }
    line->end = w->at + (unsigned)__builtin_ctzll(lf);
    /* The CR of a CR LF is usual. */
    line->odd |= odd && (odd != lf >> 1 || data[line->end - 1] != '\r');
    return true;
  }
  return false;
}

#endif
