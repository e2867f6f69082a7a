/* Memory that is lent to a plugin. Guarded, each piece lies on pages of its own, which are made
 * inaccessible when it is taken back: whoever still looks there dies of it, and the signal's report
 * names the piece. Owns the list of pieces. Any thread. */
#ifndef SDK_CHECK_LEND_H
#define SDK_CHECK_LEND_H

#include <stdbool.h>
#include <stddef.h>

enum lend_how {
  LEND_PLAIN,
  LEND_GUARDED,
  LEND_EDGE /* guarded, and the byte after it cannot be read either: for text, unaligned */
};

/* Zeroed; the first head bytes are the host's and stay: 0 of them with LEND_EDGE. */
void *lend_new(enum lend_how how, size_t head, size_t size, const char *what);
void lend_take_back(void *lent);
void lend_free(void *lent);

#endif
