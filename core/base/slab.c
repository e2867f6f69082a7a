#include "base/slab.h"

#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_POISONS 1
#endif
#endif

/* A sanitizer knows nothing of what stands within a chunk unless it is told. */
#ifdef SLAB_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(at, size)   ASAN_POISON_MEMORY_REGION(at, size)
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#define POISON(at, size)   ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

/* Where a chunk begins follows from any address in it: it is aligned to its size. */
struct chunk {
  struct list link;   /* in with_room, or in no list: it is full */
  void *free;         /* the object that was freed last; each holds the address of the next */
  uint32_t fresh;     /* offset of the first byte that no object has had yet */
  uint32_t n_objects; /* alive */
};

#define FIRST_OBJECT ((sizeof(struct chunk) + 15) & ~(size_t)15)

static struct chunk *chunk_of(void *object)
{
  return (struct chunk *)(void *)((char *)object - (uintptr_t)object % SLAB_CHUNK_BYTES);
}

static void *map(size_t size)
{
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

/* The kernel puts one mapping beside the other, so after the first the place is right mostly. */
static void *map_aligned(void)
{
  char *at = map(SLAB_CHUNK_BYTES);
  if (!at || (uintptr_t)at % SLAB_CHUNK_BYTES == 0)
    return at;
  munmap(at, SLAB_CHUNK_BYTES);
  at = map((size_t)2 * SLAB_CHUNK_BYTES);
  if (!at)
    return NULL;
  size_t before = SLAB_CHUNK_BYTES - (uintptr_t)at % SLAB_CHUNK_BYTES;
  munmap(at, before);
  if (before < SLAB_CHUNK_BYTES)
    munmap(at + before + SLAB_CHUNK_BYTES, SLAB_CHUNK_BYTES - before);
  return at + before;
}

static struct chunk *chunk_new(struct slab *slab)
{
  struct chunk *chunk = map_aligned();
  if (!chunk)
    return NULL;
#ifdef MADV_POPULATE_WRITE /* all its pages at once, rather than by sixteen faults; or so, if not \
                            */
  (void)madvise(chunk, SLAB_CHUNK_BYTES, MADV_POPULATE_WRITE);
#endif
  chunk->fresh = FIRST_OBJECT;
  list_append(&slab->with_room, &chunk->link);
  slab->n_empty++;
  POISON((char *)chunk + FIRST_OBJECT, SLAB_CHUNK_BYTES - FIRST_OBJECT);
  return chunk;
}

static void chunk_free(struct slab *slab, struct chunk *chunk)
{
  list_remove(&chunk->link);
  slab->n_empty--;
  UNPOISON((char *)chunk, SLAB_CHUNK_BYTES);
  munmap(chunk, SLAB_CHUNK_BYTES);
}

void slab_init(struct slab *slab, size_t size)
{
  size = (size + 7) & ~(size_t)7;
  invariant(size >= sizeof(void *) && size <= SLAB_CHUNK_BYTES / 16);
  *slab = (struct slab){.size = size};
  list_init(&slab->with_room);
}

void slab_fini(struct slab *slab)
{
  struct list *node;
  invariant(slab->count == 0);
  while ((node = list_first(&slab->with_room)))
    chunk_free(slab, container_of(node, struct chunk, link));
}

void *slab_alloc(struct slab *slab)
{
  struct list *node = list_first(&slab->with_room);
  struct chunk *chunk = node ? container_of(node, struct chunk, link) : chunk_new(slab);
  if (!chunk)
    return NULL;
  void *object = chunk->free;
  if (object) {
    UNPOISON(object, slab->size);
    chunk->free = *(void **)object;
    memset(object, 0, slab->size);
  } else {
    object = (char *)chunk + chunk->fresh; /* zeroed as the kernel gave it */
    chunk->fresh += (uint32_t)slab->size;
    UNPOISON(object, slab->size);
  }
  slab->n_empty -= chunk->n_objects++ == 0;
  slab->count++;
  if (!chunk->free && chunk->fresh + slab->size > SLAB_CHUNK_BYTES)
    list_remove(&chunk->link);
  return object;
}

void slab_free(struct slab *slab, void *object)
{
  struct chunk *chunk = chunk_of(object);
  *(void **)object = chunk->free;
  chunk->free = object;
  POISON(object, slab->size);
  slab->count--;
  if (list_empty(&chunk->link)) /* it was full: filled up before chunks that may become empty */
    list_prepend(&slab->with_room, &chunk->link);
  if (--chunk->n_objects)
    return;
  slab->n_empty++;
  list_remove(&chunk->link); /* used again when the others are full */
  list_append(&slab->with_room, &chunk->link);
  if (slab->n_empty > 1)
    chunk_free(slab, chunk);
}
