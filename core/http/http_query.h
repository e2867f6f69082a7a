/* The query of a request's target, as forms write it: "name=value&..." with "+" for a blank
 * (application/x-www-form-urlencoded). No I/O; owns nothing. Any thread. */
#ifndef HTTP_HTTP_QUERY_H
#define HTTP_HTTP_QUERY_H

#include <stdbool.h>

#include "base/buf.h"

enum http_query_result {
  HTTP_QUERY_ABSENT,
  HTTP_QUERY_FOUND,
  HTTP_QUERY_TWICE, /* more than one of this name */
  HTTP_QUERY_BAD    /* an escape that is not whole */
};

/* The value of this name, decoded, behind what is in out; a name without "=" has an empty one.
 * out is left as it was but for HTTP_QUERY_FOUND. */
enum http_query_result http_query_find(struct plug_str query, struct plug_str name,
                                       struct buf *out);
/* The first name that is not among names, as it came; empty: there is none. */
struct plug_str http_query_unknown(struct plug_str query, const char *const *names, size_t n);

#endif
