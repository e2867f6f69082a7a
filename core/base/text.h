/* Text of others, made fit for a terminal: control characters, of C1 too, and what is not UTF-8 are
 * written as \xNN and \u00NN, so that nothing is moved, coloured or forged. Owns nothing. Any
 * thread. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

enum text_kind {
  TEXT_LINE,  /* one line: a newline is escaped, too */
  TEXT_LINES, /* newlines stay */
};

void text_put_shown(struct buf *out, struct plug_str text, enum text_kind kind);

/* "plugboard: TEXT" and a newline on standard error, the text escaped. */
void text_complain(const char *text);

#endif
