/* Reads the body of a request, sized or chunked (RFC 9112 6, 7.1), as strictly as http_head.h reads
 * its head. No I/O. Chunk extensions and trailers are passed over, within limits. Owns nothing. The
 * thread that owns it. */
#ifndef HTTP_HTTP_BODY_H
#define HTTP_HTTP_BODY_H

#include "http/http_head.h"

#define HTTP_CHUNK_LINE_MAX 256u  /* the line that begins a chunk, extensions included */
#define HTTP_TRAILERS_MAX   8192u /* all trailers together */

struct http_body {
  uint8_t state;
  bool cr;       /* a carriage return has been read, its line feed must follow */
  uint16_t line; /* bytes of the line that is being read */
  uint32_t trailers;
  uint64_t left; /* bytes of the body, or of this chunk, that are still to come */
};

void http_body_begin(struct http_body *body, const struct http_head *head);

/* Takes bytes off *rest. HTTP_MORE with a piece: a part of the body, within the bytes given; call
 * again. HTTP_MORE without: *rest is used up. HTTP_DONE: the body is complete and *rest begins with
 * what follows it. HTTP_REFUSED: *fault says why, and nothing behind it can be told apart. */
enum http_result http_body_read(struct http_body *body, struct plug_str *rest,
                                struct plug_str *piece, struct http_fault *fault);

#endif
