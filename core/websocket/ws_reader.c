#include "websocket/ws_reader.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"

#define CODE_PROTOCOL 1002
#define CODE_BAD_UTF8 1007
#define CODE_INTERNAL 1011

void ws_reader_fini(struct ws_reader *reader)
{
  free(reader->control);
  reader->control = NULL;
}

#define HIGH_BITS 0x8080808080808080u

#ifdef __SSE2__
static inline __m128i unmask_16(char *bytes, __m128i mask)
{
  __m128i *at = (__m128i *)(void *)bytes;
  __m128i plain = _mm_xor_si128(_mm_loadu_si128(at), mask);
  _mm_storeu_si128(at, plain);
  return plain;
}

/* len is at least 16. The last 16 bytes are read before those in front of them are written, and
 * written after them: no byte has to be dealt with by itself. */
static inline bool unmask_wide(char *bytes, size_t len, uint32_t mask)
{
  unsigned turn = 8 * (unsigned)(len & 3);
  __m128i wide = _mm_set1_epi32((int)mask);
  __m128i turned = _mm_set1_epi32((int)(mask >> turn | mask << (-turn & 31)));
  __m128i *last_at = (__m128i *)(void *)(bytes + len - 16);
  __m128i last = _mm_xor_si128(_mm_loadu_si128(last_at), turned), high = last;
  for (; len >= 64; len -= 64, bytes += 64) {
    __m128i a = _mm_or_si128(unmask_16(bytes, wide), unmask_16(bytes + 16, wide));
    __m128i b = _mm_or_si128(unmask_16(bytes + 32, wide), unmask_16(bytes + 48, wide));
    high = _mm_or_si128(high, _mm_or_si128(a, b));
  }
  for (; len > 16; len -= 16, bytes += 16)
    high = _mm_or_si128(high, unmask_16(bytes, wide));
  _mm_storeu_si128(last_at, last);
  return !_mm_movemask_epi8(high);
}
#endif

/* mask: the four bytes, twice. True if what it gives is nothing but ASCII. */
static inline bool unmask(char *bytes, size_t len, uint64_t mask)
{
  uint64_t all = 0, word;
  uint8_t single[8];
#ifdef __SSE2__
  if (len >= 16)
    return unmask_wide(bytes, len, (uint32_t)mask);
#endif
  for (; len >= 8; len -= 8, bytes += 8) {
    memcpy(&word, bytes, sizeof word);
    word ^= mask;
    memcpy(bytes, &word, sizeof word);
    all |= word;
  }
  memcpy(single, &mask, sizeof single);
  for (size_t i = 0; i < len; i++) {
    single[i] ^= (uint8_t)bytes[i];
    bytes[i] = (char)single[i];
    all |= single[i];
  }
  return !(all & HIGH_BITS);
}

static uint64_t turned_mask(const uint8_t mask[4], uint8_t mask_at)
{
  uint8_t turned[8];
  for (unsigned i = 0; i < 8; i++)
    turned[i] = mask[(mask_at + i) & 3];
  uint64_t wide;
  memcpy(&wide, turned, sizeof wide);
  return wide;
}

uint8_t ws_unmask(char *bytes, size_t len, const uint8_t mask[4], uint8_t mask_at)
{
  unmask(bytes, len, turned_mask(mask, mask_at));
  return (uint8_t)((mask_at + len) & 3);
}

bool ws_close_code_is_valid(unsigned code)
{
  /* 1004 to 1006 and 1015 are never on the wire; up to 2999 only what is registered. */
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

static enum ws_event fault(struct ws_item *item, uint16_t code, const char *reason)
{
  *item = (struct ws_item){.code = code, .reason = reason};
  return WS_GOT_FAULT;
}

static bool is_control(unsigned opcode)
{
  return opcode >= WS_CLOSE;
}

static bool is_masked(const uint8_t *head)
{
  return head[1] & 0x80;
}

static unsigned head_len(const uint8_t *head)
{
  unsigned form = head[1] & 0x7fu;
  return 2 + (is_masked(head) ? 4u : 0u) + (form == 126 ? 2 : form == 127 ? 8 : 0);
}

/* What is wrong with the first two bytes of a frame; NULL: nothing. */
static const char *judge_start(const struct ws_reader *reader, const uint8_t *head)
{
  unsigned opcode = head[0] & 0x0fu, form = head[1] & 0x7fu;
  bool fin = head[0] & 0x80;
  unsigned agreed = reader->may_compress && (opcode == WS_TEXT || opcode == WS_BINARY) ? 0x40 : 0;
  if (head[0] & 0x70 & ~agreed)
    return "A reserved bit is set";
  if ((opcode > WS_BINARY && opcode < WS_CLOSE) || opcode > WS_PONG)
    return "Unknown opcode";
  if (is_masked(head) == reader->from_server)
    return reader->from_server ? "A server's frames are not masked"
                               : "A client's frames are masked";
  if (is_control(opcode) && !fin)
    return "A control frame is fragmented";
  if (is_control(opcode) && form > WS_CONTROL_MAX)
    return "A control frame is too long";
  if (opcode == WS_CONTINUATION && !reader->message)
    return "There is no message to continue";
  if ((opcode == WS_TEXT || opcode == WS_BINARY) && reader->message)
    return "A message begins within another";
  return NULL;
}

static uint64_t number(const uint8_t *bytes, unsigned n)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < n; i++)
    value = value << 8 | bytes[i];
  return value;
}

/* The head is complete. NULL, or what is wrong with its length (RFC 6455 5.2: the shortest form).
 */
static const char *begin_payload(struct ws_reader *reader, const uint8_t *head)
{
  unsigned form = head[1] & 0x7fu, n_length = form == 126 ? 2 : form == 127 ? 8 : 0;
  uint64_t len = n_length ? number(head + 2, n_length) : form;
  if ((n_length == 2 && len < 126) || (n_length == 8 && len < 65536))
    return "A length is not in its shortest form";
  if (len >> 63)
    return "A length has its highest bit set";
  reader->opcode = head[0] & 0x0f;
  reader->fin = head[0] & 0x80;
  reader->left = len;
  if (is_masked(head)) /* else it stays 0, which changes nothing */
    memcpy(reader->mask, head + 2 + n_length, 4);
  reader->mask_at = 0;
  reader->n_head = 0;
  reader->in_payload = true;
  if (reader->opcode == WS_TEXT || reader->opcode == WS_BINARY) {
    reader->message = reader->opcode;
    reader->compressed = head[0] & 0x40;
  }
  return NULL;
}

/* Reads a frame's head from *at on; false: there is not all of it yet. */
static bool read_head(struct ws_reader *reader, char **at, const char *end, const char **wrong)
{
  const uint8_t *head = (const uint8_t *)*at;
  size_t have = (size_t)(end - *at);
  *wrong = NULL;
  if (reader->n_head == 0 && have >= 2) { /* mostly all of it is there */
    *wrong = judge_start(reader, head);
    if (*wrong)
      return true;
    if (have >= head_len(head)) {
      *at += head_len(head);
      *wrong = begin_payload(reader, head);
      return true;
    }
  }
  while (*at < end) {
    reader->head[reader->n_head++] = (uint8_t)*(*at)++;
    if (reader->n_head == 2)
      *wrong = judge_start(reader, reader->head);
    if (*wrong)
      return true;
    if (reader->n_head >= 2 && reader->n_head == head_len(reader->head)) {
      *wrong = begin_payload(reader, reader->head);
      return true;
    }
  }
  return false;
}

static enum ws_event close_event(struct ws_item *item)
{
  const uint8_t *bytes = (const uint8_t *)item->bytes;
  item->code = 1000; /* to an empty Close; RFC 6455 5.5.1 */
  item->reason = "";
  if (item->len == 0)
    return WS_GOT_CLOSE;
  if (item->len == 1)
    return fault(item, CODE_PROTOCOL, "A Close frame has half a code");
  unsigned code = (unsigned)bytes[0] << 8 | bytes[1];
  if (!ws_close_code_is_valid(code))
    return fault(item, CODE_PROTOCOL, "A Close frame has a code that may not be sent");
  if (!utf8_valid(item->bytes + 2, item->len - 2))
    return fault(item, CODE_BAD_UTF8, "The reason in a Close frame is not UTF-8");
  item->code = (uint16_t)code;
  return WS_GOT_CLOSE;
}

/* A control frame is handed on whole. */
static enum ws_event read_control(struct ws_reader *reader, char **at, const char *end,
                                  struct ws_item *item)
{
  size_t have = (size_t)(end - *at), n = have < reader->left ? have : (size_t)reader->left;
  bool whole = n == reader->left && reader->n_control == 0;
  item->bytes = *at;
  item->len = n;
  if (!whole) {
    if (!reader->control && !(reader->control = malloc(WS_CONTROL_MAX)))
      return fault(item, CODE_INTERNAL, "out of memory");
    memcpy(reader->control + reader->n_control, *at, n);
    reader->n_control = (uint8_t)(reader->n_control + n);
  }
  *at += n;
  reader->left -= n;
  if (reader->left)
    return WS_NEED_MORE;
  if (!whole) {
    item->bytes = (char *)reader->control;
    item->len = reader->n_control;
  }
  reader->in_payload = false;
  reader->n_control = 0;
  ws_unmask(item->bytes, item->len, reader->mask, 0);
  if (reader->opcode == WS_CLOSE)
    return close_event(item);
  return reader->opcode == WS_PING ? WS_GOT_PING : WS_GOT_PONG;
}

static enum ws_event read_data(struct ws_reader *reader, char **at, const char *end,
                               struct ws_item *item)
{
  size_t have = (size_t)(end - *at), n = have < reader->left ? have : (size_t)reader->left;
  item->ascii = unmask(*at, n, turned_mask(reader->mask, reader->mask_at));
  reader->mask_at = (uint8_t)((reader->mask_at + n) & 3);
  reader->left -= n;
  item->bytes = *at;
  item->len = n;
  item->binary = reader->message == WS_BINARY;
  item->ends = reader->left == 0 && reader->fin;
  item->compressed = reader->compressed;
  *at += n;
  if (reader->left == 0)
    reader->in_payload = false;
  if (item->ends)
    reader->message = 0;
  return WS_GOT_DATA;
}

/* Nearly all that clients send: a message of one frame, all of which is there. False: it is
 * something else, and nothing has been read. */
static inline bool read_message(const struct ws_reader *reader, char **at, const char *end,
                                struct ws_item *item)
{
  const uint8_t *head = (const uint8_t *)*at;
  size_t have = (size_t)(end - *at), n_head = 6;
  if (reader->in_payload || reader->n_head || reader->message || reader->from_server || have < 8)
    return false;
  size_t len = head[1] ^ 0x80u; /* without the bit that says that there is a mask */
  if ((head[0] != (0x80u | WS_TEXT) && head[0] != (0x80u | WS_BINARY)) || len > 126)
    return false;
  if (len == 126) {
    len = (size_t)head[2] << 8 | head[3];
    n_head = 8;
    if (len < 126)
      return false;
  }
  if (have - n_head < len)
    return false;
  uint32_t mask;
  memcpy(&mask, head + n_head - 4, sizeof mask);
  item->bytes = *at + n_head;
  item->len = len;
  item->binary = head[0] == (0x80u | WS_BINARY);
  item->ends = true;
  item->compressed = false;
  item->ascii = unmask(item->bytes, len, (uint64_t)mask << 32 | mask);
  *at += n_head + len;
  return true;
}

enum ws_event ws_reader_next(struct ws_reader *reader, char **at, char *end, struct ws_item *item)
{
  if (read_message(reader, at, end, item))
    return WS_GOT_DATA;
  if (!reader->in_payload) {
    const char *wrong;
    if (!read_head(reader, at, end, &wrong))
      return WS_NEED_MORE;
    if (wrong)
      return fault(item, CODE_PROTOCOL, wrong);
  }
  if (*at == end && reader->left)
    return WS_NEED_MORE;
  return is_control(reader->opcode) ? read_control(reader, at, end, item)
                                    : read_data(reader, at, end, item);
}
