#include "base/text.h"

#include <stdio.h>

#include "base/str.h"
#include "base/utf8.h"

/* The length of the UTF-8 character at s, 0 when there is none. */
static size_t character_len(const char *s, size_t len)
{
  unsigned char c = (unsigned char)s[0];
  size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  return n <= len && utf8_valid(s, n) ? n : 0;
}

void text_put_shown(struct buf *out, struct plug_str text, enum text_kind kind)
{
  for (size_t i = 0; i < text.len;) {
    const char *at = text.ptr + i;
    unsigned char c = (unsigned char)*at;
    size_t n = character_len(at, text.len - i);
    if (n == 2 && c == 0xc2 && (unsigned char)at[1] < 0xa0)
      buf_putf(out, "\\u%04x", (unsigned)(unsigned char)at[1]);
    else if (n == 0 || c == 0x7f || (c < 0x20 && !(c == '\n' && kind == TEXT_LINES)))
      buf_putf(out, "\\x%02x", (unsigned)c);
    else
      buf_put(out, at, n);
    i += n ? n : 1;
  }
}

void text_complain(const char *text)
{
  struct buf line = {0};
  buf_put_str(&line, STR("plugboard: "));
  text_put_shown(&line, str_of(text), TEXT_LINE);
  buf_put_char(&line, '\n');
  if (!line.failed)
    fwrite(line.data, 1, line.len, stderr);
  buf_free(&line);
}
