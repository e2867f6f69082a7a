/* Memory that is lent to a plugin. Guarded, each piece lies on pages of its own, which are made
 * inaccessible when it is taken back: whoever still looks there dies of it, and the signal's report
 * names the piece. Owns the list of pieces. Any thread. */
#ifndef SDK_CHECK_LEND_H
#define SDK_CHECK_LEND_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed; the first head bytes are the host's and stay. */
void *lend_new(bool guarded, size_t head, size_t size, const char *what);
void lend_take_back(void *lent);
void lend_free(void *lent);

#endif
