/* Short-lived blocks of memory, such as messages: malloc with a larger cache per thread. A burst
 * has dozens of them alive at once, more than the C library keeps at hand. Owns what it caches,
 * bounded in bytes per thread. Any thread; a block may be freed by another thread than its maker's.
 */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_STEP        64u
#define BLOCK_CLASSES     16u /* up to 1 KiB: larger blocks cost more to fill than to get */
#define BLOCK_CACHE_BYTES (256u * 1024)

/* With sanitizers every block is malloc's own: they could not tell a freed one otherwise. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BLOCK_CACHES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BLOCK_CACHES 0
#endif
#endif
#ifndef BLOCK_CACHES
#define BLOCK_CACHES 1
#endif

struct block_cached {
  struct block_cached *next;
};

/* private */
extern _Thread_local struct block_cache {
  struct block_cached *blocks[BLOCK_CLASSES];
  size_t bytes;
} block_cache;

/* NULL when out of memory. */
static inline void *block_alloc(size_t size)
{
  size_t class = (size + BLOCK_STEP - 1) / BLOCK_STEP;
  if (!BLOCK_CACHES || class - 1 >= BLOCK_CLASSES)
    return malloc(size);
  struct block_cache *cache = &block_cache;
  struct block_cached *block = cache->blocks[class - 1];
  if (!block)
    return malloc(class * BLOCK_STEP);
  cache->blocks[class - 1] = block->next;
  cache->bytes -= class * BLOCK_STEP;
  return block;
}

static inline void *block_alloc_zeroed(size_t size)
{
  void *block = block_alloc(size);
  return block ? memset(block, 0, size) : NULL;
}

/* size as it was asked for; ptr may be NULL. */
static inline void block_free(void *ptr, size_t size)
{
  size_t class = (size + BLOCK_STEP - 1) / BLOCK_STEP;
  struct block_cache *cache = &block_cache;
  if (!ptr)
    return;
  if (!BLOCK_CACHES || class - 1 >= BLOCK_CLASSES || cache->bytes >= BLOCK_CACHE_BYTES) {
    free(ptr);
    return;
  }
  struct block_cached *block = ptr;
  block->next = cache->blocks[class - 1];
  cache->blocks[class - 1] = block;
  cache->bytes += class * BLOCK_STEP;
}

/* Gives back what this thread has cached: before it ends. */
void block_drop_cache(void);

#endif
