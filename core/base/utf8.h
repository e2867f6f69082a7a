/* Incremental UTF-8 validation (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF. Owns nothing. Any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8_state {  /* zeroed: at the start of a text */
  uint8_t need;      /* continuation bytes still to come */
  uint8_t low, high; /* range of the next one */
};

/* Feeds bytes; false at the first that cannot be part of UTF-8. */
bool utf8_feed(struct utf8_state *state, const void *bytes, size_t len);
/* True if the text may end here. */
static inline bool utf8_done(const struct utf8_state *state)
{
  return state->need == 0;
}

static inline bool utf8_valid(const void *bytes, size_t len)
{
  struct utf8_state state = {0, 0, 0};
  return utf8_feed(&state, bytes, len) && utf8_done(&state);
}

/* How much of a text is its longest start of at most max bytes that ends with a whole character. */
static inline size_t utf8_cut(const char *text, size_t len, size_t max)
{
  if (len <= max)
    return len;
  while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
    max--;
  return max;
}

/* Puts '?' for each byte of a text with a NUL behind it that is no part of UTF-8: what a library
 * quotes may be cut within a character. */
void utf8_mend(char *text);

#endif
