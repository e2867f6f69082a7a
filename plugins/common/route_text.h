/* Text without allocation: slices, messages, and what a sender is told. Owns nothing. Any thread.
 */
#ifndef ROUTE_TEXT_H
#define ROUTE_TEXT_H

#include <stdbool.h>
#include <string.h>

#include <plugboard/abi.h>

static inline struct plug_str route_str(const char *s)
{
  return (struct plug_str){s, strlen(s)};
}

static inline struct plug_str route_slice(const char *ptr, size_t len)
{
  return (struct plug_str){ptr, len};
}

static inline bool route_eq(struct plug_str a, const char *b)
{
  return a.len == strlen(b) && (!a.len || memcmp(a.ptr, b, a.len) == 0);
}

static inline bool route_starts(struct plug_str a, const char *b)
{
  return a.len >= strlen(b) && memcmp(a.ptr, b, strlen(b)) == 0;
}

/* Takes the next word off *rest; "..." is one without its quotes. False: there is none. */
bool route_word(struct plug_str *rest, struct plug_str *word);

/* [A-Za-z_][A-Za-z0-9_-]*, as names of variables, claims and members are written. */
bool route_is_name(struct plug_str s);

/* Fills err with one sentence; PLUG_EINVAL. */
plug_status route_fault(struct plug_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What a sender is told: a code for programs, and a sentence. */
struct route_refusal {
  const char *code; /* static; NULL: out of memory */
  char reason[256];
};
/* False, for the caller to pass on. */
bool route_refuse(struct route_refusal *refusal, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
