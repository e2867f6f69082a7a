#include "base/block.h"

#include <stdint.h>
#include <stdlib.h>

#define STEP        64u
#define CLASSES     16u /* up to 1 KiB: larger blocks cost more to fill than to get */
#define CACHE_BYTES (256u * 1024)

/* With sanitizers every block is malloc's own: they could not tell a freed one otherwise. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CACHES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CACHES 0
#endif
#endif
#ifndef CACHES
#define CACHES 1
#endif

struct cached {
  struct cached *next;
};

static _Thread_local struct cached *cache[CLASSES];
static _Thread_local uint32_t cached_bytes;

static size_t class_of(size_t size)
{
  return size ? (size - 1) / STEP : 0;
}

void *block_alloc(size_t size)
{
  size_t class = class_of(size);
  if (!CACHES || class >= CLASSES)
    return malloc(size);
  struct cached *block = cache[class];
  if (!block)
    return malloc((class + 1) * STEP);
  cache[class] = block->next;
  cached_bytes -= (uint32_t)((class + 1) * STEP);
  return block;
}

void block_free(void *ptr, size_t size)
{
  size_t class = class_of(size);
  if (!ptr)
    return;
  if (!CACHES || class >= CLASSES || cached_bytes >= CACHE_BYTES) {
    free(ptr);
    return;
  }
  struct cached *block = ptr;
  block->next = cache[class];
  cache[class] = block;
  cached_bytes += (uint32_t)((class + 1) * STEP);
}

void block_drop_cache(void)
{
  for (size_t class = 0; class < CLASSES; class ++)
    while (cache[class]) {
      struct cached *next = cache[class]->next;
      free(cache[class]);
      cache[class] = next;
    }
  cached_bytes = 0;
}
