#include "stomp/stomp_encoder.h"

/* What becomes of a byte in a header: itself (0), a blank, or a backslash and this letter. */
enum { AS_IT_IS = 0, BLANK = ' ' };

static char fate_of(char c, enum stomp_version version, bool is_name)
{
  switch (c) {
  case '\0':
    return BLANK;
  case '\n':
    return version == STOMP_1_0 ? BLANK : 'n';
  case '\r':
    /* Version 1.1 has no escape for it, and a raw one could not be told from a line's end. */
    return version == STOMP_1_0 || version == STOMP_1_1 ? BLANK : 'r';
  case ':':
    return version == STOMP_1_0 ? (is_name ? BLANK : AS_IT_IS) : 'c';
  case '\\':
    return version == STOMP_1_0 ? AS_IT_IS : '\\';
  default:
    return AS_IT_IS;
  }
}

static bool may_need_care(char c)
{
  return (unsigned char)c <= '\r' || c == ':' || c == '\\';
}

void stomp_put_escaped(struct buf *out, enum stomp_version version, struct plug_str text,
                       bool is_name)
{
  if (text.len == 0 || !buf_reserve(out, 2 * text.len))
    return;
  char *to = out->data + out->len;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (may_need_care(c)) {
      char fate = fate_of(c, version, is_name);
      if (fate == BLANK) {
        c = ' ';
      } else if (fate != AS_IT_IS) {
        *to++ = '\\';
        c = fate;
      }
    }
    *to++ = c;
  }
  out->len = (size_t)(to - out->data);
}

void stomp_put_command(struct buf *out, enum stomp_command command)
{
  buf_put_str(out, str_of(stomp_command_text(command)));
  buf_put_char(out, '\n');
}

void stomp_put_header(struct buf *out, enum stomp_version version, enum stomp_command command,
                      struct plug_str name, struct plug_str value)
{
  if (command == STOMP_CONNECT || command == STOMP_STOMP || command == STOMP_CONNECTED)
    version = STOMP_1_0;
  stomp_put_escaped(out, version, name, true);
  buf_put_char(out, ':');
  stomp_put_escaped(out, version, value, false);
  buf_put_char(out, '\n');
}

void stomp_put_header_u64(struct buf *out, struct plug_str name, uint64_t value)
{
  char digits[20];
  size_t n = str_put_u64(digits, value);
  buf_put_str(out, name);
  buf_put_char(out, ':');
  buf_put(out, digits, n);
  buf_put_char(out, '\n');
}

void stomp_put_body(struct buf *out, struct plug_str body)
{
  buf_put_char(out, '\n');
  buf_put_str(out, body);
  buf_put_char(out, '\0');
}
