/* The first so many of many, by their keys: a page of a list that nobody keeps sorted, found in one
 * walk over all. Owns its rows. The thread that owns it. */
#ifndef OPS_TOP_H
#define OPS_TOP_H

#include <stdbool.h>
#include <stddef.h>

#include <plugboard/abi.h>

struct top_row {
  char *key; /* not terminated; key_len bytes */
  size_t key_len;
  void *value; /* the caller's, freed by free_value */
};

struct top {
  struct top_row *rows; /* ascending */
  size_t n, max;
  bool more, failed; /* there were more than max; out of memory */
  void (*free_value)(void *value);
};

/* False when out of memory. */
bool top_init(struct top *top, size_t max, void (*free_value)(void *value));
void top_fini(struct top *top);

/* By bytes; the order of the rows. */
int top_compare(struct plug_str a, struct plug_str b);
/* The row of this key, which is made (with value NULL) if it is among the first so far; NULL: it
 * is not, or out of memory. Valid until the next call. */
struct top_row *top_row(struct top *top, struct plug_str key);

#endif
