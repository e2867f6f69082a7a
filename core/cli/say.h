/* What plugctl prints: complaints, JSON lines, and whether there are colours. Text of others is
 * escaped before it meets a terminal. Owns nothing. One thread. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"

/* "plugctl: TEXT" on standard error, the text escaped. Returns nothing of note: complaints are not
 * answered. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool say_is_terminal(FILE *stream);

/* A terminal that shows colours, and nobody said NO_COLOR. */
bool say_colours(FILE *stream);

/* One line of JSON on standard output, flushed; false when it cannot be written. Takes the value,
 * which may be NULL: out of memory. */
bool say_json(json_t *take);

/* What has been collected, on standard output; false when it cannot be written. Frees it. */
bool say_buf(struct buf *take);

/* Body bytes as a member: "body" when they are UTF-8, else "body_base64". */
bool say_put_body(json_t *object, struct plug_str body);

#endif
