#include "stomp/stomp_parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "stomp/stomp_lines.h"
#include "stomp/stomp_quote.h"

#define COMMAND_MAX_BYTES 11 /* UNSUBSCRIBE */
#define PENDING_MIN_BYTES 256

enum step { STEP_MORE, STEP_DONE, STEP_FAILED };

void stomp_parser_init(struct stomp_parser *p, const struct stomp_limits *limits,
                       struct stomp_scratch *scratch)
{
  invariant(limits->n_headers <= STOMP_HEADERS_CAP);
  *p = (struct stomp_parser){.limits = limits, .scratch = scratch, .version = STOMP_NONE};
}

void stomp_parser_fini(struct stomp_parser *p)
{
  buf_free(&p->pending);
}

void stomp_parser_set_version(struct stomp_parser *p, enum stomp_version version)
{
  p->version = (uint8_t)version;
}

static void drop_given(struct stomp_parser *p)
{
  if (!p->given)
    return;
  buf_free(&p->pending);
  p->given = false;
}

void stomp_parser_feed(struct stomp_parser *p, char *chunk, size_t len)
{
  debug_invariant(p->in_len == 0 || p->failed);
  drop_given(p);
  p->in = chunk;
  p->in_len = len;
  p->eol_in_chunk = false;
  p->frame_in_chunk = p->pending.len > 0;
}

/* Errors */

static enum step __attribute__((format(printf, 3, 4), cold)) fail(struct stomp_parse_error *error,
                                                                  enum stomp_limit_hit limit,
                                                                  const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
  error->limit = limit;
  return STEP_FAILED;
}

static enum step fail_too_large(const struct stomp_parser *p, struct stomp_parse_error *error)
{
  return fail(error, STOMP_LIMIT_FRAME, "frame is larger than max-frame-size (%zu bytes)",
              p->limits->frame_bytes);
}

/* Unescaping */

/* What stands for the escape \c, or NUL when it is none. */
static char escape_meaning(uint8_t version, char c)
{
  switch (c) {
  case 'n':
    return '\n';
  case 'c':
    return ':';
  case '\\':
    return '\\';
  case 'r':
    return version == STOMP_1_2 ? '\r' : '\0';
  default:
    return '\0';
  }
}

/* In place; the escapes have been checked. */
static void unescape(struct plug_str *s, uint8_t version)
{
  char *from = s->len ? memchr(s->ptr, '\\', s->len) : NULL;
  if (!from)
    return;
  const char *end = s->ptr + s->len;
  char *to = from;
  while (from < end) {
    if (*from == '\\') {
      *to++ = escape_meaning(version, from[1]);
      from += 2;
    } else {
      *to++ = *from++;
    }
  }
  s->len = (size_t)(to - s->ptr);
}

static enum step check_escapes(uint8_t version, struct plug_str part, struct plug_str name,
                               struct stomp_parse_error *error)
{
  for (size_t i = 0; i < part.len; i++) {
    if (part.ptr[i] != '\\')
      continue;
    if (i + 1 == part.len || !escape_meaning(version, part.ptr[i + 1])) {
      size_t end = i + 1 < part.len ? i + 2 : i + 1;
      while (end < part.len && ((unsigned char)part.ptr[end] & 0xc0) == 0x80)
        end++; /* the whole character */
      return fail(error, STOMP_LIMIT_NONE, "illegal escape '%s' in header '%s'",
                  stomp_quote(part.ptr + i, end - i, false).text,
                  stomp_quote(name.ptr, name.len, false).text);
    }
    i++;
  }
  return STEP_DONE;
}

/* Command and headers */

/* How long the header line may be that starts with these bytes, longer than header_bytes. */
static size_t __attribute__((cold, noinline)) long_line_limit(const struct stomp_parser *p,
                                                              const char *line, size_t len)
{
  const struct stomp_limits *limits = p->limits;
  bool may =
      p->at.command == STOMP_CONNECT || p->at.command == STOMP_STOMP || p->at.command == STOMP_SEND;
  const char *colon = memchr(line, ':', len);
  for (size_t i = 0; may && colon && i < limits->n_credentials; i++)
    if (str_eq_nocase(str_from(line, (size_t)(colon - line)), limits->credentials[i]) &&
        limits->credential_bytes > limits->header_bytes)
      return limits->credential_bytes;
  return limits->header_bytes;
}

/* Faults of the current line that show before its end is there, in the order in which the bytes
 * came, so that an error does not depend on how they were split into chunks. */
static enum step check_bytes(const struct stomp_parser *p, const char *data, size_t from, size_t to,
                             struct stomp_parse_error *error)
{
  size_t start = p->at.line_at;
  bool is_command = start == 0;
  size_t max = is_command ? COMMAND_MAX_BYTES : p->limits->header_bytes;
  for (size_t i = from; i < to; i++) {
    char c = data[i];
    if (i > start && data[i - 1] == '\r' && c != '\n')
      return fail(error, STOMP_LIMIT_NONE, "CR is not followed by LF after '%s'",
                  stomp_quote(data + start, i - 1 - start, false).text);
    if (c == '\n')
      break;
    if (is_command && (c == '\0' || (i - start >= max && c != '\r')))
      return fail(error, STOMP_LIMIT_NONE, "unknown command '%s'",
                  stomp_quote(data + start, i + 1 - start, c != '\0').text);
    if (c == '\0' && i == start)
      return fail(error, STOMP_LIMIT_NONE, "no empty line between the headers and the NUL");
    if (c == '\0')
      return fail(error, STOMP_LIMIT_NONE, "NUL in the headers after '%s'",
                  stomp_quote(data + start, i - start, false).text);
    if (i - start >= max && c != '\r') {
      max = long_line_limit(p, data + start, i - start);
      if (i - start >= max)
        return fail(error, STOMP_LIMIT_HEADERS, "header is longer than %s (%zu bytes)",
                    max > p->limits->header_bytes ? "max-token-size" : "max-header-size", max);
    }
  }
  return STEP_DONE;
}

static enum step read_command(struct stomp_parser *p, const char *text, size_t len,
                              struct stomp_parse_error *error)
{
  enum stomp_command command;
  if (!stomp_command_find(str_from(text, len), &command))
    return fail(error, STOMP_LIMIT_NONE, "unknown command '%s'",
                stomp_quote(text, len, false).text);
  p->at.command = (uint8_t)command;
  if (command == STOMP_CONNECT || command == STOMP_STOMP || command == STOMP_CONNECTED ||
      p->version == STOMP_1_0)
    p->at.escapes = STOMP_NONE;
  else
    p->at.escapes = p->version == STOMP_NONE ? (uint8_t)STOMP_1_2 : p->version;
  return STEP_DONE;
}

static enum step read_content_length(struct stomp_parser *p, struct plug_str value, size_t line_end,
                                     struct stomp_parse_error *error)
{
  struct stomp_progress *at = &p->at;
  if (at->length_seen)
    return STEP_DONE;
  at->length_seen = true;
  uint64_t n;
  if (!str_to_u64(value, &n)) {
    /* Only digits: more than 64 bits hold. Otherwise it says nothing. */
    for (size_t i = 0; i < value.len; i++)
      if (value.ptr[i] < '0' || value.ptr[i] > '9')
        return STEP_DONE;
    return value.len ? fail_too_large(p, error) : STEP_DONE;
  }
  if (n >= p->limits->frame_bytes - line_end)
    return fail_too_large(p, error);
  at->content_length = (size_t)n;
  at->length_known = true;
  return STEP_DONE;
}

/* The line data[at.line_at, end), its EOL left off. */
static inline enum step read_header(struct stomp_parser *p, const char *data, size_t end,
                                    const struct line *line, struct stomp_parse_error *error)
{
  static const struct plug_str content_length = {"content-length", 14};
  struct stomp_progress *at = &p->at;
  const char *text = data + at->line_at;
  size_t len = end - at->line_at;
  if (at->n_headers >= p->limits->n_headers)
    return fail(error, STOMP_LIMIT_HEADERS, "more than max-headers (%zu) headers",
                p->limits->n_headers);
  if (line->colon == SIZE_MAX)
    return fail(error, STOMP_LIMIT_NONE, "header '%s' has no ':'",
                stomp_quote(text, len, false).text);
  if (line->colon == at->line_at)
    return fail(error, STOMP_LIMIT_NONE, "header '%s' has no name",
                stomp_quote(text, len, false).text);

  struct plug_str name = {text, line->colon - at->line_at};
  struct plug_str value = {data + line->colon + 1, end - line->colon - 1};
  if (line->odd) {
    at->odd = true;
    if (!utf8_valid(text, len))
      return fail(error, STOMP_LIMIT_NONE, "header '%s' is not valid UTF-8",
                  stomp_quote(text, len, false).text);
    if (at->escapes != STOMP_NONE && memchr(text, '\\', len)) {
      if (check_escapes(at->escapes, name, name, error) == STEP_FAILED ||
          check_escapes(at->escapes, value, name, error) == STEP_FAILED)
        return STEP_FAILED;
      at->has_backslash = true;
    }
  }
  if (str_eq(name, content_length) &&
      read_content_length(p, value, line->end, error) == STEP_FAILED)
    return STEP_FAILED;
  p->scratch->headers[at->n_headers++] = (struct stomp_header){name, value};
  return STEP_DONE;
}

static bool may_have_body(uint8_t command)
{
  return command == STOMP_SEND || command == STOMP_MESSAGE || command == STOMP_ERROR;
}

static enum step fail_body(const struct stomp_parser *p, struct stomp_parse_error *error)
{
  return fail(error, STOMP_LIMIT_NONE, "%s frames have no body", stomp_command_text(p->at.command));
}

static enum step end_headers(struct stomp_parser *p, size_t body_at,
                             struct stomp_parse_error *error)
{
  struct stomp_progress *at = &p->at;
  at->body_at = at->scanned = body_at;
  if (!at->length_known)
    return STEP_DONE;
  if (at->content_length >= p->limits->frame_bytes - body_at)
    return fail_too_large(p, error);
  at->need = body_at + at->content_length + 1;
  return STEP_DONE;
}

/* What has come of a body of a frame that has none: some clients end every frame with a line end of
 * their own, or count one as the body. Anything else fails at its first byte. */
static enum step __attribute__((noinline)) check_no_body(struct stomp_parser *p, const char *data,
                                                         size_t len,
                                                         struct stomp_parse_error *error)
{
  struct stomp_progress *at = &p->at;
  size_t end = at->need && at->need - 1 < len ? at->need - 1 : len;
  for (size_t i = at->scanned; i < end; i++) {
    bool after_cr = i > at->body_at && data[i - 1] == '\r';
    if (data[i] == '\n' || (data[i] == '\r' && !after_cr))
      continue;
    if (data[i] == '\0' && !at->need && !after_cr)
      return STEP_DONE;
    return fail_body(p, error);
  }
  if (at->need && len >= at->need && end > at->body_at && data[end - 1] == '\r')
    return fail_body(p, error);
  return STEP_DONE;
}

/* Reads the lines that are complete, from at.line_at on; done when the empty one was found. */
static enum step read_head(struct stomp_parser *p, const char *data, size_t len,
                           struct stomp_parse_error *error)
{
  struct stomp_progress *at = &p->at;
  size_t unchecked = at->scanned;
  struct window window = {0};
  struct line line;
  bool line_goes_on = at->scanned > at->line_at &&
                      (len == at->scanned || !memchr(data + at->scanned, '\n', len - at->scanned));
  while (!line_goes_on && find_line(&window, data, at->line_at, len, &line)) {
    size_t start = at->line_at, end = line.end;
    size_t max = start ? p->limits->header_bytes : COMMAND_MAX_BYTES;
    if (__builtin_expect(line.odd || end - start > max, false) &&
        check_bytes(p, data, start, end + 1, error) == STEP_FAILED)
      return STEP_FAILED;
    if (end > start && data[end - 1] == '\r')
      end--;
    if (end == start) {
      at->line_at = line.end + 1;
      return end_headers(p, line.end + 1, error);
    }
    enum step step =
        start ? read_header(p, data, end, &line, error) : read_command(p, data, end, error);
    if (step == STEP_FAILED)
      return STEP_FAILED;
    at->line_at = unchecked = line.end + 1;
  }
  at->scanned = len;
  if (check_bytes(p, data, unchecked, len, error) == STEP_FAILED)
    return STEP_FAILED;
  return STEP_MORE;
}

/* Goes on reading the frame of which data[0, len) has arrived; done when it is complete. */
static inline enum step read_frame(struct stomp_parser *p, const char *data, size_t len,
                                   struct stomp_parse_error *error)
{
  struct stomp_progress *at = &p->at;
  if (len > p->limits->frame_bytes) {
    len = p->limits->frame_bytes;
    if (at->scanned > len || at->need > len) /* the limit was lowered meanwhile */
      return fail_too_large(p, error);
  }
  if (at->body_at == 0) {
    enum step step = read_head(p, data, len, error);
    if (step == STEP_MORE && len == p->limits->frame_bytes)
      return fail_too_large(p, error);
    if (step != STEP_DONE)
      return step;
  }
  if (!may_have_body(at->command)) {
    bool ends_here =
        !at->need && at->scanned == at->body_at && len > at->body_at && data[at->body_at] == '\0';
    if (!ends_here && check_no_body(p, data, len, error) == STEP_FAILED)
      return STEP_FAILED;
  }
  if (at->need) {
    if (len < at->need) {
      at->scanned = len;
      return STEP_MORE;
    }
    if (data[at->need - 1] != '\0')
      return fail(error, STOMP_LIMIT_NONE,
                  "no NUL after the %zu bytes that content-length promised", at->content_length);
    return STEP_DONE;
  }
  const char *nul = memchr(data + at->scanned, '\0', len - at->scanned);
  if (nul) {
    at->need = (size_t)(nul - data) + 1;
    return STEP_DONE;
  }
  at->scanned = len;
  return len < p->limits->frame_bytes ? STEP_MORE : fail_too_large(p, error);
}

/* The chunk, and the frames in it */

static void consume(struct stomp_parser *p, size_t n)
{
  p->in += n;
  p->in_len -= n;
}

/* Done when a frame begins. */
static enum step skip_between_frames(struct stomp_parser *p, struct stomp_parse_error *error)
{
  for (; p->in_len; consume(p, 1)) {
    char c = *p->in;
    if (p->cr && c != '\n')
      return fail(error, STOMP_LIMIT_NONE, "CR between frames is not followed by LF");
    if (c != '\n' && c != '\r' && c != '\0') {
      p->frame_in_chunk = true;
      return STEP_DONE;
    }
    p->cr = c == '\r';
    if (c == '\n')
      p->eol_in_chunk = true;
  }
  return STEP_MORE;
}

/* Moves the chunk's first n bytes to pending. It grows with what has arrived, never to what was
 * announced, and never beyond the frame. */
static bool keep(struct stomp_parser *p, size_t n)
{
  struct buf *b = &p->pending;
  if (b->cap - b->len < n) {
    size_t most = p->at.need ? p->at.need : p->limits->frame_bytes;
    size_t cap = b->cap < PENDING_MIN_BYTES / 2 ? PENDING_MIN_BYTES : b->cap * 2;
    if (cap > most)
      cap = most;
    if (cap < b->len + n)
      cap = b->len + n;
    char *data = realloc(b->data, cap);
    if (!data)
      return false;
    b->data = data;
    b->cap = cap;
  }
  if (n)
    memcpy(b->data + b->len, p->in, n);
  b->len += n;
  consume(p, n);
  return true;
}

/* How many bytes of the chunk belong to the pending frame, or at least to its current line. */
static size_t missing(const struct stomp_parser *p)
{
  const struct stomp_progress *at = &p->at;
  size_t most = at->need ? at->need : p->limits->frame_bytes;
  size_t n = most > p->pending.len ? most - p->pending.len : 0;
  if (n > p->in_len)
    n = p->in_len;
  if (at->need || n == 0)
    return n;
  const char *end = memchr(p->in, at->body_at ? '\0' : '\n', n);
  return end ? (size_t)(end - p->in) + 1 : n;
}

static inline enum stomp_event give(struct stomp_parser *p, char *data, struct stomp_frame *frame)
{
  struct stomp_progress *at = &p->at;
  struct stomp_header *headers = p->scratch->headers;
  if (at->has_backslash)
    for (size_t i = 0; i < at->n_headers; i++) {
      unescape(&headers[i].name, at->escapes);
      unescape(&headers[i].value, at->escapes);
    }
  frame->command = at->command;
  frame->headers = headers;
  frame->n_headers = at->n_headers;
  frame->head = NULL;
  frame->body =
      str_from(data + at->body_at, may_have_body(at->command) ? at->need - 1 - at->body_at : 0);
  *at = (struct stomp_progress){0};
  return STOMP_EVENT_FRAME;
}

/* The lines before at.line_at are known to be sound. The scratch cannot be asked: when the frame
 * came in several chunks another session has used it meanwhile. */
static struct plug_str find_receipt(const struct stomp_parser *p, char *data)
{
  const struct plug_str prefix = STR("receipt:");
  struct plug_str rest = {data, data ? p->at.line_at : 0};
  while (rest.len) {
    const char *lf = memchr(rest.ptr, '\n', rest.len);
    if (!lf)
      break;
    if (str_has_prefix(rest, prefix)) {
      struct plug_str value = {rest.ptr + prefix.len, (size_t)(lf - rest.ptr) - prefix.len};
      if (value.len && value.ptr[value.len - 1] == '\r')
        value.len--;
      if (p->at.escapes != STOMP_NONE)
        unescape(&value, p->at.escapes);
      return value;
    }
    rest.len -= (size_t)(lf - rest.ptr) + 1;
    rest.ptr = lf + 1;
  }
  return str_from(NULL, 0);
}

static enum stomp_event __attribute__((cold)) give_error(struct stomp_parser *p, char *data,
                                                         struct stomp_parse_error *error)
{
  p->failed = true;
  error->receipt = find_receipt(p, data);
  return STOMP_EVENT_ERROR;
}

static enum stomp_event read_whole(struct stomp_parser *p, struct stomp_frame *frame,
                                   struct stomp_parse_error *error)
{
  char *data = p->in;
  struct stomp_head *head = stomp_head_of(p->scratch->heads, p->source);
  const struct stomp_limits *limits = p->limits;
  size_t known = stomp_head_match(head, data, p->in_len, limits->frame_bytes, limits->n_headers,
                                  limits->header_bytes, p->scratch->headers, frame);
  if (known) {
    consume(p, known);
    return STOMP_EVENT_FRAME;
  }
  enum step step = read_frame(p, data, p->in_len, error);
  if (step == STEP_DONE) {
    size_t head_len = p->at.command == STOMP_SEND && !p->at.odd ? p->at.body_at : 0;
    consume(p, p->at.need);
    give(p, data, frame);
    if (head_len)
      stomp_head_learn(head, data, head_len, p->limits, frame);
    return STOMP_EVENT_FRAME;
  }
  if (step == STEP_MORE) {
    if (keep(p, p->in_len))
      return STOMP_EVENT_MORE;
    fail(error, STOMP_LIMIT_NONE, "out of memory");
  }
  return give_error(p, data, error);
}

static enum stomp_event read_pending(struct stomp_parser *p, struct stomp_frame *frame,
                                     struct stomp_parse_error *error)
{
  struct buf *b = &p->pending;
  enum step step = STEP_MORE;
  while (step == STEP_MORE && p->in_len)
    step = keep(p, missing(p)) ? read_frame(p, b->data, b->len, error)
                               : fail(error, STOMP_LIMIT_NONE, "out of memory");
  if (step == STEP_MORE)
    return STOMP_EVENT_MORE;
  if (step == STEP_DONE) {
    /* Once more from its start: the headers' slices were not kept while the buffer grew. */
    size_t need = p->at.need;
    p->at = (struct stomp_progress){0};
    step = read_head(p, b->data, b->len, error);
    if (step == STEP_DONE) {
      p->at.need = need;
      p->given = true;
      return give(p, b->data, frame);
    }
  }
  return give_error(p, b->data, error);
}

enum stomp_event stomp_parser_next(struct stomp_parser *p, struct stomp_frame *frame,
                                   struct stomp_parse_error *error)
{
  if (p->failed) {
    fail(error, STOMP_LIMIT_NONE, "the connection has failed before");
    error->receipt = str_from(NULL, 0);
    return STOMP_EVENT_ERROR;
  }
  drop_given(p);
  if (p->pending.len)
    return read_pending(p, frame, error);
  switch (skip_between_frames(p, error)) {
  case STEP_DONE:
    return read_whole(p, frame, error);
  case STEP_FAILED:
    return give_error(p, NULL, error);
  case STEP_MORE:
    break;
  }
  bool heartbeat = p->eol_in_chunk && !p->frame_in_chunk;
  p->eol_in_chunk = false;
  return heartbeat ? STOMP_EVENT_HEARTBEAT : STOMP_EVENT_MORE;
}

size_t stomp_parser_take_back(struct stomp_parser *p)
{
  size_t rest = p->in_len;
  p->in_len = 0;
  return rest;
}
