/* Looking for bytes of a kind in a short text, sixteen at a time. Owns nothing. Any thread. */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#ifdef __SSE2__
#include <emmintrin.h>
#include <stdbool.h>
#include <stddef.h>

#define SCAN_LEAST 8u /* bytes of a text that can be looked at in this way */

/* True if test has a byte with its highest bit set for any of them. Some are looked at twice rather
 * than one by one. */
static inline bool scan_finds(const char *text, size_t len, __m128i (*test)(__m128i bytes))
{
  if (len < 16) {
    __m128i first = _mm_loadl_epi64((const __m128i *)(const void *)text);
    __m128i rest = _mm_loadl_epi64((const __m128i *)(const void *)(text + len - 8));
    return _mm_movemask_epi8(test(_mm_unpacklo_epi64(first, rest)));
  }
  const char *last = text + len - 16;
  for (; text < last; text += 16)
    if (_mm_movemask_epi8(test(_mm_loadu_si128((const __m128i *)(const void *)text))))
      return true;
  return _mm_movemask_epi8(test(_mm_loadu_si128((const __m128i *)(const void *)last)));
}

#endif
#endif
