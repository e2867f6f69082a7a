/* Heads of SENDs that were read before: a publisher's next SEND mostly begins with the same bytes
 * as its last one, but for the digits of content-length. Such a head is compared instead of being
 * read. Owns nothing: the heads are part of the scratch that the parsers of a thread share. The
 * parsers' thread only.
 *
 *   SEND\ndestination:/topic/x\ncontent-length:   120   \n\n
 *   |<------------------ before ------------->| digits | rest
 *
 * Kept are only heads that mean the same in all versions and whose text is nobody's secret. */
#ifndef STOMP_STOMP_HEAD_H
#define STOMP_STOMP_HEAD_H

#include "stomp/stomp.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct stomp_limits;

#define STOMP_HEAD_BYTES   240
#define STOMP_HEAD_HEADERS 8

/* Where a slice lies in the head. */
struct stomp_head_slice {
  uint8_t at, len;
};

/* What who handles the frames has found out about all that begin with this head: his to write and
 * to read. Zeroed when a head takes the place of another one. */
struct stomp_head_note {
  uint64_t serial;
  uint32_t at, bits;
};

struct stomp_head {
  uint8_t len; /* 0: there is none */
  uint8_t before, digits;
  uint8_t longest; /* line, with the most digits that are read here */
  uint8_t n_headers;
  uint8_t idle, skipped; /* heads that were kept in vain one after the other, and since then not */
  /* Which header is the first of that name; -1: there is none. */
  int8_t destination, content_type, content_length, receipt, transaction;
  uint32_t body; /* what content-length says */
  struct stomp_head_note note;
  struct {
    struct stomp_head_slice name, value;
  } headers[STOMP_HEAD_HEADERS];
  char text[STOMP_HEAD_BYTES];
};

#define STOMP_HEADS_BITS 7

/* The one in which the last head of that source, a client, is kept. */
static inline struct stomp_head *stomp_head_of(struct stomp_head heads[1 << STOMP_HEADS_BITS],
                                               uint64_t source)
{
  uint64_t mixed = source * 0x9e3779b97f4a7c15u;
  return &heads[mixed >> (64 - STOMP_HEADS_BITS)];
}

/* Whether data, of which there are so many bytes, begins with the n of text, behind which there are
 * 15 more that may be read. */
static inline bool stomp_head_begins(const char *data, size_t have, const char *text, size_t n)
{
#ifdef __SSE2__
  if (have >= n + 15) {
    __m128i same = _mm_set1_epi8(-1);
    for (; n > 16; n -= 16, data += 16, text += 16) {
      __m128i a = _mm_loadu_si128((const __m128i *)(const void *)data);
      __m128i b = _mm_loadu_si128((const __m128i *)(const void *)text);
      same = _mm_and_si128(same, _mm_cmpeq_epi8(a, b));
    }
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)data);
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)text);
    unsigned last = ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) & ((1u << n) - 1);
    return _mm_movemask_epi8(same) == 0xffff && !last;
  }
#endif
  return have >= n && memcmp(data, text, n) == 0;
}

struct stomp_head_length {
  size_t digits; /* of content-length */
  size_t body;   /* what it says, or where the NUL is; SIZE_MAX: it is not that head */
};
/* The same for a head that may have another content-length, or has none. */
struct stomp_head_length stomp_head_read_length(const struct stomp_head *head, const char *data,
                                                size_t len);
/* What stands behind content-length moves with the number of its digits. */
void stomp_head_move_rest(const struct stomp_head *head, size_t digits,
                          struct stomp_header *headers);

/* If data begins with a whole frame with that head, fills frame and headers and returns the bytes
 * of the frame. 0: it does not, or it breaks a limit, or its end is not what it should be; the
 * parser finds out which. */
static inline size_t stomp_head_match(struct stomp_head *head, const char *data, size_t len,
                                      size_t max_frame, size_t max_headers, size_t max_line,
                                      struct stomp_header *headers, struct stomp_frame *frame)
{
  struct stomp_head_length length = {head->digits, head->body};
  if (!head->len || head->n_headers > max_headers || head->longest > max_line)
    return 0;
  if (!length.digits || !stomp_head_begins(data, len, head->text, head->len)) {
    length = stomp_head_read_length(head, data, len);
    if (length.body == SIZE_MAX)
      return 0;
  }
  size_t body_at = (size_t)head->len - head->digits + length.digits;
  size_t need = body_at + length.body + 1;
  if (need > max_frame || need > len || data[need - 1] != '\0')
    return 0;
  for (unsigned i = 0, n = head->n_headers; i < n; i++) {
    headers[i].name = str_from(data + head->headers[i].name.at, head->headers[i].name.len);
    headers[i].value = str_from(data + head->headers[i].value.at, head->headers[i].value.len);
  }
  if (length.digits != head->digits)
    stomp_head_move_rest(head, length.digits, headers);
  head->idle = 0;
  frame->command = STOMP_SEND;
  frame->headers = headers;
  frame->n_headers = head->n_headers;
  frame->body = str_from(data + body_at, length.body);
  frame->head = head;
  return need;
}

/* frame, a SEND, was read from data, and its head, of len bytes, holds no escapes and nothing but
 * ASCII: keeps it, unless that has been in vain too often. */
void stomp_head_learn(struct stomp_head *head, const char *data, size_t len,
                      const struct stomp_limits *limits, const struct stomp_frame *frame);

#endif
