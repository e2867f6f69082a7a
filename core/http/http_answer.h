/* Answers to HTTP requests, all of one form: a status line, Date, what the caller adds, a length
 * and a body. What refuses something says why in one sentence of plain text. Owns nothing. Any
 * thread. */
#ifndef HTTP_HTTP_ANSWER_H
#define HTTP_HTTP_ANSWER_H

#include "base/buf.h"
#include "http/http_head.h"

struct http_answer {
  uint16_t status;
  bool close;          /* the connection ends with it */
  bool head_only;      /* it answers HEAD: the length of the body, but no body */
  const char *headers; /* further header lines, each with its CR LF, or NULL */
  const char *type;    /* of the body; NULL: plain text */
};

/* The head of an answer whose body of body_len bytes the caller sends behind it. minor: of the
 * request's version; to HTTP/1.0 an open connection has to be said. */
void http_answer_put_head(struct buf *out, const struct http_answer *answer, unsigned minor,
                          size_t body_len);

/* The whole answer; a line feed is added to text. */
void http_answer_put_text(struct buf *out, const struct http_answer *answer, unsigned minor,
                          const char *text);

const char *http_status_text(uint16_t status);

#endif
