#include "sockjs/sockjs_frame.h"

#include "base/str.h"

/* 0: goes out as it is; 1: as \u00XX; 2: part of a character beyond ASCII; else the letter behind a
 * backslash. */
static const uint8_t kinds[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 'b', 't', 'n', 1, 'f', 'r', 1,    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 0, 0, '"', 0,   0,   0, 0,   0,   0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0,   0,   0,   0, 0,   0,   0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0,   0,   0,   0, 0,   0,   '\\', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0,   0,   0,   0, 0,   0,   0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2,   2,   2,   2, 2,   2,   2,    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2,   2,   2,   2, 2,   2,   2,    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2,   2,   2,   2, 2,   2,   2,    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2,   2,   2,   2, 2,   2,   2,    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2,   2,   2,   2, 2,   2,   2,    2, 2, 2, 2, 2, 2, 2,
};

/* The character that begins at p; its length, 0 if that is no UTF-8. */
static size_t decode(const char *p, size_t len, uint32_t *character)
{
  const unsigned char *b = (const unsigned char *)p;
  size_t n = b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : b[0] < 0xf5 ? 4 : 0;
  if (!n || n > len)
    return 0;
  uint32_t c = b[0] & (0x7fu >> n);
  for (size_t i = 1; i < n; i++) {
    if ((b[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (b[i] & 0x3fu);
  }
  bool bad = (n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
             (n == 4 && (c < 0x10000 || c > 0x10ffff));
  *character = c;
  return bad ? 0 : n;
}

/* Characters that some browser or proxy mangles, and all beyond the first plane, which old ones do
 * not read from UTF-8. */
static bool is_fragile(uint32_t c)
{
  return (c >= 0x200c && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
         (c >= 0x2060 && c <= 0x206f) || c >= 0xfff0;
}

static void put_unit(struct buf *out, uint32_t unit, const char *digits)
{
  char text[6] = {'\\',
                  'u',
                  digits[unit >> 12 & 15],
                  digits[unit >> 8 & 15],
                  digits[unit >> 4 & 15],
                  digits[unit & 15]};
  buf_put(out, text, sizeof text);
}

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static void put_character(struct buf *out, uint32_t c)
{
  if (c >= 0x10000) {
    put_unit(out, 0xd800 + ((c - 0x10000) >> 10), lower);
    put_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff), lower);
  } else {
    put_unit(out, c, lower);
  }
}

/* Goes on behind the character at p[0], which is beyond ASCII. */
static size_t put_beyond(struct buf *out, const char *p, size_t len)
{
  uint32_t c;
  size_t n = decode(p, len, &c);
  if (!n) {
    buf_put_char(out, '?');
    return 1;
  }
  if (is_fragile(c))
    put_character(out, c);
  else
    buf_put(out, p, n);
  return n;
}

void sockjs_put_string(struct buf *out, struct plug_str text)
{
  buf_reserve(out, text.len + 2);
  buf_put_char(out, '"');
  size_t i = 0;
  while (i < text.len) {
    size_t plain = i;
    while (plain < text.len && !kinds[(unsigned char)text.ptr[plain]])
      plain++;
    buf_put(out, text.ptr + i, plain - i);
    i = plain;
    if (i == text.len)
      break;
    uint8_t kind = kinds[(unsigned char)text.ptr[i]];
    if (kind == 2) {
      i += put_beyond(out, text.ptr + i, text.len - i);
    } else if (kind == 1) {
      put_unit(out, (unsigned char)text.ptr[i++], upper);
    } else {
      char pair[2] = {'\\', (char)kind};
      buf_put(out, pair, 2);
      i++;
    }
  }
  buf_put_char(out, '"');
}

void sockjs_put_close(struct buf *out, uint16_t code, const char *reason)
{
  buf_put(out, "c[", 2);
  buf_put_u64(out, code);
  buf_put_char(out, ',');
  sockjs_put_string(out, str_of(reason ? reason : ""));
  buf_put_char(out, ']');
}

/* --- transports --------------------------------------------------------------------------- */

/* A frame, which is ASCII or valid UTF-8 without control characters, as the text of a string in a
 * script. "<" and ">" could end the script's element. */
static void put_script_text(struct buf *out, struct plug_str frame)
{
  for (size_t i = 0; i < frame.len; i++)
    switch (frame.ptr[i]) {
    case '"':
      buf_put(out, "\\\"", 2);
      break;
    case '\\':
      buf_put(out, "\\\\", 2);
      break;
    case '<':
      buf_put(out, "\\u003c", 6);
      break;
    case '>':
      buf_put(out, "\\u003e", 6);
      break;
    default:
      buf_put_char(out, frame.ptr[i]);
    }
}

#define XHR_PRELUDE  2048u /* browsers show a script what has come only behind so much */
#define HTML_PRELUDE 1024u /* likewise, in a frame */

static void put_html_prelude(struct buf *out, const char *callback)
{
  size_t before = out->len;
  buf_putf(out,
           "<!doctype html>\n"
           "<html><head>\n"
           "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
           "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
           "</head><body><h2>Don't panic!</h2>\n"
           "  <script>\n"
           "    document.domain = document.domain;\n"
           "    var c = parent.%s;\n"
           "    c.start();\n"
           "    function p(d) {c.message(d);};\n"
           "    window.onload = function() {c.stop();};\n"
           "  </script>\n",
           callback);
  while (!out->failed && out->len - before < HTML_PRELUDE)
    buf_put_char(out, ' ');
  buf_put(out, "\r\n\r\n", 4);
}

void sockjs_put_prelude(struct buf *out, enum sockjs_transport transport, const char *callback)
{
  if (transport == SOCKJS_XHR_STREAMING) {
    if (buf_reserve(out, XHR_PRELUDE + 1)) {
      memset(out->data + out->len, 'h', XHR_PRELUDE);
      out->len += XHR_PRELUDE;
    }
    buf_put_char(out, '\n');
  } else if (transport == SOCKJS_EVENTSOURCE) {
    buf_put(out, "\r\n", 2);
  } else if (transport == SOCKJS_HTMLFILE) {
    put_html_prelude(out, callback);
  }
}

void sockjs_put_frame(struct buf *out, enum sockjs_transport transport, const char *callback,
                      struct plug_str frame)
{
  switch (transport) {
  case SOCKJS_XHR:
  case SOCKJS_XHR_STREAMING:
    buf_put_str(out, frame);
    buf_put_char(out, '\n');
    break;
  case SOCKJS_EVENTSOURCE:
    buf_put_str(out, STR("data: "));
    buf_put_str(out, frame);
    buf_put_str(out, STR("\r\n\r\n"));
    break;
  case SOCKJS_HTMLFILE:
    buf_put_str(out, STR("<script>\np(\""));
    put_script_text(out, frame);
    buf_put_str(out, STR("\");\n</script>\r\n"));
    break;
  case SOCKJS_JSONP:
    buf_put_str(out, str_of(callback));
    buf_put_str(out, STR("(\""));
    put_script_text(out, frame);
    buf_put_str(out, STR("\");\r\n"));
    break;
  default:
    buf_put_str(out, frame);
  }
}
