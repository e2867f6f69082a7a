/* A small JSON scanner (RFC 8259): finds where values end, decodes and encodes strings. It builds
 * no tree and does not recurse; nesting is bounded by the caller. Owns nothing, no I/O, any thread.
 *
 * Why not jansson: a message of the layout single is an envelope around a content that is somebody
 * else's, and that goes on as it came, byte for byte. A tree loses what it was: 1.0 and 1e2 are
 * written anew, the order and the spelling of escapes too, a member that stands twice is gone, and
 * numbers beyond 64 bits are refused, all of which Jackson sends. So what is needed of the content
 * is where it ends and that it is JSON, and that is all there is here; the strings around it,
 * which are ours, have to look as Jackson's do on the other side. */
#ifndef REDIS_JSON_H
#define REDIS_JSON_H

#include "redis_buf.h"

enum { REDIS_JSON_MAX_DEPTH = 512 };

struct redis_json {
  const char *p, *end;
};

/* Text that is well-formed UTF-8: no overlong forms, no surrogates. */
bool redis_utf8_valid(struct plug_str text);

void redis_json_skip_space(struct redis_json *json);
/* Takes the byte c, after white space; false leaves json at what stands there instead. */
bool redis_json_take(struct redis_json *json, char c);
/* Takes one value, after white space; value is its text. At most max_depth (up to
 * REDIS_JSON_MAX_DEPTH) arrays and objects inside each other. False: not JSON, or too deep. */
bool redis_json_take_value(struct redis_json *json, unsigned max_depth, struct plug_str *value);
/* Takes a string with its quotes, after white space. */
bool redis_json_take_string(struct redis_json *json, struct plug_str *quoted);

/* True if text is one JSON value with nothing but white space around, in valid UTF-8. */
bool redis_json_valid(struct plug_str text, unsigned max_depth);

/* Appends what a quoted string says, as UTF-8. A surrogate escape without its partner becomes
 * U+FFFD. quoted must come from redis_json_take_string. */
void redis_json_put_unquoted(struct redis_buf *out, struct plug_str quoted);
/* Appends text, which must be valid UTF-8, as a quoted string. */
void redis_json_put_quoted(struct redis_buf *out, struct plug_str text);

#endif
