/* Answers to HTTP requests, all of one form: a status line, Date, what the caller adds, a length
 * and a body. What refuses something says why in one sentence of plain text. Owns nothing. Any
 * thread. */
#ifndef HTTP_HTTP_ANSWER_H
#define HTTP_HTTP_ANSWER_H

#include <time.h>

#include "base/buf.h"
#include "http/http_head.h"

struct http_answer {
  uint16_t status;
  bool close;          /* the connection ends with it */
  bool head_only;      /* it answers HEAD: the length of the body, but no body */
  bool untyped;        /* without a body, and without a word about its type */
  const char *headers; /* further header lines, each with its CR LF, or NULL */
  const char *type;    /* of the body; NULL: plain text */
};

/* For body_len: a body whose length is not known yet. To HTTP/1.1 it goes in chunks; to HTTP/1.0
 * the connection's end is its end (close has to be set). */
#define HTTP_STREAMED SIZE_MAX

/* The head of an answer whose body of body_len bytes the caller sends behind it. minor: of the
 * request's version; to HTTP/1.0 an open connection has to be said. */
void http_answer_put_head(struct buf *out, const struct http_answer *answer, unsigned minor,
                          size_t body_len);

/* The whole answer; a line feed is added to text. */
void http_answer_put_text(struct buf *out, const struct http_answer *answer, unsigned minor,
                          const char *text);

/* A chunk of a streamed body (RFC 9112 7.1): its head; data and "\r\n" follow. Returns the length.
 */
#define HTTP_CHUNK_HEAD_MAX 18
size_t http_chunk_put_head(char out[HTTP_CHUNK_HEAD_MAX], size_t len);
#define HTTP_LAST_CHUNK "0\r\n\r\n"

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7). */
#define HTTP_TIME_SIZE 32
void http_put_time(char out[HTTP_TIME_SIZE], time_t at);

const char *http_status_text(uint16_t status);

#endif
