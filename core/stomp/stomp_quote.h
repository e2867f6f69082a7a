/* What a client has sent, quoted in an error message: one line of printable UTF-8, whatever it was,
 * and not long. Owns nothing. Any thread. */
#ifndef STOMP_STOMP_QUOTE_H
#define STOMP_STOMP_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

#define STOMP_QUOTE_MAX_BYTES 60

struct stomp_quote {
  char text[STOMP_QUOTE_MAX_BYTES + 4]; /* and the dots of what was cut */
};

/* cut tells that text is a part of something longer. Only what fails asks for it. */
struct stomp_quote stomp_quote(const char *text, size_t len, bool cut) __attribute__((cold));

#endif
