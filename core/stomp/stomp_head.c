#include "stomp/stomp_parser.h"

#define DIGITS_MAX 9u /* of a content-length, here */

/* The number at data, which ends before end with something else than a digit; 0 digits: there is
 * none, or it is a long one. */
static inline size_t read_digits(const char *data, const char *end, size_t *number)
{
  size_t n = 0, value = 0;
  for (; data + n < end; n++) {
    unsigned digit = (unsigned)(unsigned char)data[n] - '0';
    if (digit > 9)
      break;
    if (n == DIGITS_MAX)
      return 0;
    value = value * 10 + digit;
  }
  *number = value;
  return n;
}

struct stomp_head_length stomp_head_read_length(const struct stomp_head *head, const char *data,
                                                size_t len)
{
  const struct stomp_head_length none = {0, SIZE_MAX};
  struct stomp_head_length length = {0, 0};
  const char *end = data + len, *number = data + head->before;
  if (!stomp_head_begins(data, len, head->text, head->before))
    return none;
  if (!head->digits) {
    const char *nul = len > head->len ? memchr(data + head->len, '\0', len - head->len) : NULL;
    length.body = nul ? (size_t)(nul - data) - head->len : SIZE_MAX;
    return length;
  }
  length.digits = read_digits(number, end, &length.body);
  size_t rest_at = head->before + (size_t)head->digits;
  if (!length.digits ||
      !stomp_head_begins(number + length.digits, (size_t)(end - number) - length.digits,
                         head->text + rest_at, head->len - rest_at))
    return none;
  return length;
}

void stomp_head_move_rest(const struct stomp_head *head, size_t digits,
                          struct stomp_header *headers)
{
  size_t moved = digits - head->digits; /* may wrap around: it is added */
  size_t first = (size_t)head->content_length;
  headers[first].value.len = digits;
  for (size_t i = first + 1; i < head->n_headers; i++) {
    headers[i].name.ptr = (const char *)((uintptr_t)headers[i].name.ptr + moved);
    headers[i].value.ptr = (const char *)((uintptr_t)headers[i].value.ptr + moved);
  }
}

/* --- keeping ------------------------------------------------------------------------------ */

/* Keeping costs as much as reading: a client with other heads each time pays for few of them. */
#define IDLE_MAX   4u
#define SKIP_HEADS 31u

static bool is_worth_it(struct stomp_head *head)
{
  if (head->idle < IDLE_MAX) {
    head->idle++;
    return true;
  }
  head->skipped = (head->skipped + 1u) & SKIP_HEADS;
  return head->skipped == 0;
}

/* Such a header's text goes from memory when the frame has been dealt with. */
static bool is_secret(const struct stomp_limits *limits, struct plug_str name)
{
  if (str_eq_nocase(name, STR("passcode")) || str_eq_nocase(name, STR("authorization")))
    return true;
  for (size_t i = 0; i < limits->n_credentials; i++)
    if (str_eq_nocase(name, limits->credentials[i]))
      return true;
  return false;
}

static int8_t *index_of(struct stomp_head *head, struct plug_str name)
{
  if (str_eq(name, STR("destination")))
    return &head->destination;
  if (str_eq(name, STR("content-length")))
    return &head->content_length;
  if (str_eq(name, STR("content-type")))
    return &head->content_type;
  if (str_eq(name, STR("receipt")))
    return &head->receipt;
  return str_eq(name, STR("transaction")) ? &head->transaction : NULL;
}

static struct stomp_head_slice slice_of(const char *data, struct plug_str s)
{
  return (struct stomp_head_slice){(uint8_t)(s.ptr - data), (uint8_t)s.len};
}

/* False: what content-length says is not just digits, or more of them than are read here. */
static bool note_length(struct stomp_head *head, const char *data, struct plug_str value)
{
  size_t number = 0;
  head->before = (uint8_t)(value.ptr - data);
  head->digits = (uint8_t)read_digits(value.ptr, value.ptr + value.len, &number);
  head->body = (uint32_t)number;
  return head->digits && head->digits == value.len;
}

void stomp_head_learn(struct stomp_head *head, const char *data, size_t len,
                      const struct stomp_limits *limits, const struct stomp_frame *frame)
{
  if (len > STOMP_HEAD_BYTES - 15 || frame->n_headers > STOMP_HEAD_HEADERS || !is_worth_it(head))
    return;
  *head = (struct stomp_head){.idle = head->idle,
                              .skipped = head->skipped,
                              .before = (uint8_t)len,
                              .n_headers = (uint8_t)frame->n_headers,
                              .destination = -1,
                              .content_type = -1,
                              .content_length = -1,
                              .receipt = -1,
                              .transaction = -1};
  for (size_t i = 0; i < frame->n_headers; i++) {
    struct plug_str name = frame->headers[i].name, value = frame->headers[i].value;
    if (is_secret(limits, name))
      return;
    head->headers[i].name = slice_of(data, name);
    head->headers[i].value = slice_of(data, value);
    int8_t *index = index_of(head, name);
    bool first = index && *index < 0, is_length = first && index == &head->content_length;
    if (first)
      *index = (int8_t)i;
    if (is_length && !note_length(head, data, value))
      return;
    size_t line = name.len + 1 + (is_length ? DIGITS_MAX : value.len);
    if (line > head->longest)
      head->longest = (uint8_t)line;
  }
  memcpy(head->text, data, len);
  head->len = (uint8_t)len;
}
