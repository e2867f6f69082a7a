/* Short-lived blocks of memory, such as messages: malloc with a larger cache per thread. A burst
 * has dozens of them alive at once, more than the C library keeps at hand. Owns what it caches,
 * bounded in bytes per thread. Any thread; a block may be freed by another thread than its maker's.
 */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include <stddef.h>

/* NULL when out of memory. */
void *block_alloc(size_t size);
/* size as it was asked for; ptr may be NULL. */
void block_free(void *ptr, size_t size);
/* Gives back what this thread has cached: before it ends. */
void block_drop_cache(void);

#endif
