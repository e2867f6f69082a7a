/* A number and its decimal text, kept because the next number is mostly the same or one more.
 * Zeroed: none yet. Owns nothing. The thread that owns it. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "base/str.h"

#define NUMBER_TEXT 20 /* bytes of the longest */

struct number {
  uint64_t value;
  size_t len;
  char text[NUMBER_TEXT];
};

static inline void number_set(struct number *number, uint64_t value)
{
  if (number->len && number->value == value)
    return;
  if (number->len && number->value + 1 == value && number->text[number->len - 1] != '9')
    number->text[number->len - 1]++;
  else
    number->len = str_put_u64(number->text, value);
  number->value = value;
}

/* Writes it to at, where there is room for NUMBER_TEXT bytes; returns what is behind it. */
static inline char *number_put(const struct number *number, char *at)
{
  memcpy(at, number->text, NUMBER_TEXT);
  return at + number->len;
}

#endif
