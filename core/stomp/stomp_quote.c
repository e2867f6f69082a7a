#include "stomp/stomp_quote.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* The number of bytes of the printable character at s, 0 when there is none. */
static size_t printable_len(const char *s, size_t len)
{
  unsigned char c = (unsigned char)s[0];
  if (c < 0x80)
    return c >= 0x20 && c != 0x7f;
  size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  if (n > len || !utf8_valid(s, n) || (c == 0xc2 && (unsigned char)s[1] < 0xa0))
    return 0;
  return n;
}

struct stomp_quote stomp_quote(const char *text, size_t len, bool cut)
{
  struct stomp_quote q;
  size_t n = 0;
  for (size_t i = 0; i < len;) {
    size_t plain = printable_len(text + i, len - i);
    size_t width = plain ? plain : 4;
    if (n + width > STOMP_QUOTE_MAX_BYTES) {
      cut = true;
      break;
    }
    if (plain)
      memcpy(q.text + n, text + i, plain);
    else
      snprintf(q.text + n, 5, "\\x%02X", (unsigned)(unsigned char)text[i]);
    n += width;
    i += plain ? plain : 1;
  }
  memcpy(q.text + n, cut ? "..." : "", cut ? 4 : 1);
  return q;
}
