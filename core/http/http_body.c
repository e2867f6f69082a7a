#include "http/http_body.h"

#include <string.h>

#include "base/str.h"
#include "http/http_chars.h"

enum {
  BODY_DONE,
  BODY_SIZED,
  BODY_CHUNK_SIZE,      /* hexadecimal digits */
  BODY_CHUNK_BLANKS,    /* between them and a semicolon */
  BODY_CHUNK_EXTENSION, /* to the end of that line */
  BODY_CHUNK_DATA,
  BODY_CHUNK_END, /* CR LF behind the data */
  BODY_TRAILER,   /* lines up to an empty one */
};

void http_body_begin(struct http_body *body, const struct http_head *head)
{
  static const uint8_t states[] = {
      [HTTP_NO_BODY] = BODY_DONE, [HTTP_SIZED] = BODY_SIZED, [HTTP_CHUNKED] = BODY_CHUNK_SIZE};
  *body = (struct http_body){.state = states[head->framing]};
  if (head->framing == HTTP_SIZED)
    body->left = head->content_length;
}

static enum http_result refuse(struct http_fault *fault, uint16_t status, const char *text)
{
  *fault = (struct http_fault){.status = status, .text = text};
  return HTTP_REFUSED;
}

/* Takes what there is of body->left. */
static struct plug_str take(struct http_body *body, struct plug_str *rest)
{
  size_t n = rest->len < body->left ? rest->len : (size_t)body->left;
  struct plug_str piece = str_from(rest->ptr, n);
  body->left -= n;
  *rest = str_from(rest->ptr + n, rest->len - n);
  return piece;
}

static unsigned hex(char c)
{
  return c <= '9' ? (unsigned)c - '0' : ((unsigned)c | 0x20u) - 'a' + 10;
}

static void begin_line(struct http_body *body, uint8_t state)
{
  body->state = state;
  body->line = 0;
  body->cr = false;
}

/* A line of the framing has ended. */
static enum http_result end_line(struct http_body *body, uint16_t len, struct http_fault *fault)
{
  switch (body->state) {
  case BODY_CHUNK_SIZE:
    if (len == 0)
      return refuse(fault, 400, "A chunk has no size.");
    /* fall through */
  case BODY_CHUNK_EXTENSION:
    begin_line(body, body->left ? BODY_CHUNK_DATA : BODY_TRAILER);
    return HTTP_MORE;
  case BODY_CHUNK_BLANKS:
    return refuse(fault, 400, "The size of a chunk is not a hexadecimal number.");
  case BODY_CHUNK_END:
    begin_line(body, BODY_CHUNK_SIZE);
    return HTTP_MORE;
  default:
    if (len == 0) {
      body->state = BODY_DONE;
      return HTTP_DONE;
    }
    begin_line(body, BODY_TRAILER);
    return HTTP_MORE;
  }
}

static enum http_result read_size(struct http_body *body, char c, struct http_fault *fault)
{
  if (!http_is(c, HTTP_HEX) || body->state == BODY_CHUNK_BLANKS) {
    /* RFC 9112 7.1.1: blanks may stand before the semicolon, and nothing else. */
    bool blank = c == ' ' || c == '\t';
    if (body->line == 0 || (c != ';' && !blank))
      return refuse(fault, 400, "The size of a chunk is not a hexadecimal number.");
    body->state = blank ? BODY_CHUNK_BLANKS : BODY_CHUNK_EXTENSION;
    return HTTP_MORE;
  }
  if (body->left >> 59)
    return refuse(fault, 400, "The size of a chunk is too large.");
  body->left = body->left << 4 | hex(c);
  return HTTP_MORE;
}

/* One character of a line of the framing. */
static enum http_result read_char(struct http_body *body, char c, struct http_fault *fault)
{
  if (body->cr)
    return c == '\n' ? end_line(body, body->line, fault)
                     : refuse(fault, 400, "A carriage return stands where no line ends.");
  if (c == '\r') {
    body->cr = true;
    return HTTP_MORE;
  }
  enum http_result result = HTTP_MORE;
  if (body->state == BODY_CHUNK_END)
    return refuse(fault, 400, "A chunk is longer than its size.");
  if (!http_is(c, HTTP_VALUE))
    return refuse(fault, 400, "A control character stands between the chunks.");
  if (body->state == BODY_CHUNK_SIZE || body->state == BODY_CHUNK_BLANKS)
    result = read_size(body, c, fault);
  if (body->state == BODY_TRAILER && ++body->trailers > HTTP_TRAILERS_MAX)
    return refuse(fault, 431, "The trailers of the request are too large.");
  if (body->state != BODY_TRAILER && body->line == HTTP_CHUNK_LINE_MAX)
    return refuse(fault, 400, "The line that begins a chunk is too long.");
  if (body->line < HTTP_CHUNK_LINE_MAX)
    body->line++;
  return result;
}

enum http_result http_body_read(struct http_body *body, struct plug_str *rest,
                                struct plug_str *piece, struct http_fault *fault)
{
  *piece = str_from(NULL, 0);
  for (;;) {
    if (body->state == BODY_DONE)
      return HTTP_DONE;
    if ((body->state == BODY_SIZED || body->state == BODY_CHUNK_DATA) && body->left == 0) {
      if (body->state == BODY_SIZED)
        body->state = BODY_DONE;
      else
        begin_line(body, BODY_CHUNK_END);
      continue;
    }
    if (rest->len == 0)
      return HTTP_MORE;
    if (body->state == BODY_SIZED || body->state == BODY_CHUNK_DATA) {
      *piece = take(body, rest);
      return HTTP_MORE;
    }
    char c = rest->ptr[0];
    *rest = str_from(rest->ptr + 1, rest->len - 1);
    enum http_result result = read_char(body, c, fault);
    if (result != HTTP_MORE)
      return result;
  }
}
