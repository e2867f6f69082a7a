/* Strings as pointer and length: helpers around struct plug_str. Owns nothing, allocates only in
 * str_dup. Any thread. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <string.h>

#include <plugboard/abi.h>

/* A plug_str from a string literal. */
#define STR(lit)   (struct plug_str){"" lit, sizeof(lit) - 1}
/* Arguments for "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct plug_str str_of(const char *c_string)
{
  return (struct plug_str){c_string, c_string ? strlen(c_string) : 0};
}

static inline struct plug_str str_from(const char *ptr, size_t len)
{
  return (struct plug_str){ptr, len};
}

static inline bool str_eq(struct plug_str a, struct plug_str b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_has_prefix(struct plug_str s, struct plug_str prefix)
{
  return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_eq_nocase(struct plug_str a, struct plug_str b); /* ASCII only */
struct plug_str str_trim(struct plug_str s);              /* blanks and tabs at both ends */

/* Takes the text up to the next sep off *rest into *item, trimmed; false when *rest is used up.
 * Empty items are given too: "a,,b" has three. */
bool str_split(struct plug_str *rest, char sep, struct plug_str *item);

/* A NUL-terminated copy for the caller to free; NULL when out of memory. */
char *str_dup(struct plug_str s);

/* Decimal digits only, no sign, no blanks; false on anything else and on overflow. */
bool str_to_u64(struct plug_str s, uint64_t *out);

/* Writes v in decimal to out (at least 20 bytes), returns the number of characters. */
size_t str_put_u64(char *out, uint64_t v);

/* The number of single-character edits between a and b, at most cap: for "did you mean". */
unsigned str_distance(struct plug_str a, struct plug_str b, unsigned cap);

#endif
