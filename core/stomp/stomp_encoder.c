#include "stomp/stomp_encoder.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

static inline bool may_need_care(char c)
{
  return (unsigned char)c <= '\r' || c == ':' || c == '\\';
}

#ifdef __SSE2__
/* A bit for each byte that may need care. */
static inline unsigned care_mask(__m128i x)
{
  __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8('\r')), x);
  __m128i colon = _mm_cmpeq_epi8(x, _mm_set1_epi8(':'));
  __m128i backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
  return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(colon, backslash)));
}
#endif

/* How many bytes at the start stand for themselves in every version. */
static size_t plain_len(const char *text, size_t len)
{
  size_t i = 0;
#ifdef __SSE2__
  unsigned found;
  for (; len - i >= 16; i += 16) {
    found = care_mask(_mm_loadu_si128((const __m128i *)(const void *)(text + i)));
    if (found)
      return i + (unsigned)__builtin_ctz(found);
  }
  if (len - i >= 8) {
    found = care_mask(_mm_loadl_epi64((const __m128i *)(const void *)(text + i))) & 0xff;
    if (found)
      return i + (unsigned)__builtin_ctz(found);
    i += 8;
  }
#endif
  while (i < len && !may_need_care(text[i]))
    i++;
  return i;
}

void stomp_put_escaped(struct buf *out, enum stomp_version version, struct plug_str text,
                       bool is_name)
{
  size_t plain = plain_len(text.ptr, text.len);
  buf_put(out, text.ptr, plain);
  if (plain == text.len || !buf_reserve(out, 2 * (text.len - plain)))
    return;
  char *to = out->data + out->len;
  for (size_t i = plain; i < text.len; i++) {
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

static enum stomp_version escaping_of(enum stomp_version version, enum stomp_command command)
{
  bool never = command == STOMP_CONNECT || command == STOMP_STOMP || command == STOMP_CONNECTED;
  return never ? STOMP_1_0 : version;
}

void stomp_put_header(struct buf *out, enum stomp_version version, enum stomp_command command,
                      struct plug_str name, struct plug_str value)
{
  version = escaping_of(version, command);
  stomp_put_escaped(out, version, name, true);
  buf_put_char(out, ':');
  stomp_put_escaped(out, version, value, false);
  buf_put_char(out, '\n');
}

void stomp_put_known_header(struct buf *out, enum stomp_version version, enum stomp_command command,
                            struct plug_str name_and_colon, struct plug_str value)
{
  buf_put_str(out, name_and_colon);
  stomp_put_escaped(out, escaping_of(version, command), value, false);
  buf_put_char(out, '\n');
}

void stomp_put_header_u64(struct buf *out, struct plug_str name, uint64_t value)
{
  buf_put_str(out, name);
  buf_put_char(out, ':');
  buf_put_u64(out, value);
  buf_put_char(out, '\n');
}

void stomp_put_body(struct buf *out, struct plug_str body)
{
  buf_put_char(out, '\n');
  buf_put_str(out, body);
  buf_put_char(out, '\0');
}
