#include "base/block.h"

_Thread_local struct block_cache block_cache;

void block_drop_cache(void)
{
  for (size_t class = 0; class < BLOCK_CLASSES; class ++)
    while (block_cache.blocks[class]) {
      struct block_cached *next = block_cache.blocks[class]->next;
      free(block_cache.blocks[class]);
      block_cache.blocks[class] = next;
    }
  block_cache.bytes = 0;
}
