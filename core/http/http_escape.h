/* Escapes of URLs and forms, "%2F" (RFC 3986 2.1). What one that is not whole means, and "+", is
 * for the caller to say. Owns nothing. Any thread. */
#ifndef HTTP_HTTP_ESCAPE_H
#define HTTP_HTTP_ESCAPE_H

#include <stddef.h>

#include <plugboard/abi.h>

enum { HTTP_ESCAPE_LEN = 3 };

/* The byte that the escape at text.ptr[at] stands for; -1: there is none, or it is not whole. */
int http_escape_byte(struct plug_str text, size_t at);

#endif
