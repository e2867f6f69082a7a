/* Small things about text: plug_str helpers, and values of a token made fit for a log line. No
 * state. Any thread. */
#ifndef JWT_TEXT_H
#define JWT_TEXT_H

#include <plugboard/abi.h>
#include <stdbool.h>
#include <string.h>

static inline struct plug_str jwt_str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static inline bool jwt_str_eq(struct plug_str a, struct plug_str b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool jwt_str_is(struct plug_str a, const char *text)
{
  return jwt_str_eq(a, jwt_str(text));
}

/* A C string to be freed; NULL when out of memory. (strndup looks for a NUL behind its argument.)
 */
char *jwt_str_dup(struct plug_str s);

bool jwt_str_eq_nocase(struct plug_str a, struct plug_str b); /* ASCII letters */
struct plug_str jwt_str_trim(struct plug_str s);              /* blanks and tabs */

/* True if s holds a byte below 0x20 or DEL. */
bool jwt_str_has_control(struct plug_str s);

enum { JWT_SHOWN_MAX = 64, JWT_SHOWN_SIZE = 3 * JWT_SHOWN_MAX + 4 };

/* The value for a log line: at most 64 bytes of it, "..." behind a longer one, whatever is not
 * printable ASCII as %XX. Returns out. */
const char *jwt_show(char out[JWT_SHOWN_SIZE], struct plug_str value);

/* Takes the next element of a list that is separated by commas; commas between double quotes do not
 * separate. Blanks around it are cut off, empty elements skipped. False at the end; a quote that
 * is not closed takes all that follows. */
bool jwt_list_next(struct plug_str *rest, struct plug_str *element);

#endif
