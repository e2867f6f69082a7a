/* utf8_feed, whole and split at a place that the input chooses, against a decoder that follows the
 * table of RFC 3629 one character at a time. */
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"

/* The length of the character at s, 0 when there is none. */
static size_t decode(const uint8_t *s, size_t len)
{
  if (s[0] < 0x80)
    return 1;
  size_t n = s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
  if (n == 0 || n > len)
    return 0;
  uint32_t c = s[0] & (0xffu >> (n + 1));
  for (size_t i = 1; i < n; i++) {
    if (s[i] >> 6 != 2)
      return 0;
    c = c << 6 | (s[i] & 0x3fu);
  }
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

static int is_valid(const uint8_t *s, size_t len)
{
  while (len) {
    size_t n = decode(s, len);
    if (n == 0)
      return 0;
    s += n;
    len -= n;
  }
  return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  const uint8_t *text = data + 1;
  size_t len = size - 1, split = data[0] < len ? data[0] : len;
  int expected = is_valid(text, len);
  invariant(utf8_valid(text, len) == expected);

  struct utf8_state state = {0};
  int got = utf8_feed(&state, text, split) && utf8_feed(&state, text + split, len - split) &&
            utf8_done(&state);
  invariant(got == expected);

  char quoted[160];
  size_t quoted_len = len < sizeof quoted - 1 ? len : sizeof quoted - 1;
  memcpy(quoted, text, quoted_len);
  quoted[quoted_len] = '\0';
  quoted_len = strlen(quoted);
  expected = is_valid(text, quoted_len);
  utf8_mend(quoted);
  invariant(strlen(quoted) == quoted_len && utf8_valid(quoted, quoted_len));
  invariant((memcmp(quoted, text, quoted_len) == 0) == expected);
  return 0;
}
