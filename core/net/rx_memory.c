#include "net/rx_memory.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

static struct {
  char *base;
  size_t slot_bytes, n_slots;
  pthread_mutex_t mutex; /* protects what follows */
  size_t n_used;         /* slots below this one have been given out at least once */
  uint32_t *free_slots;  /* a stack; its memory, too, is resident only as far as it was used */
  size_t n_free;
} range = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void *slot_take(void)
{
  void *slot = NULL;
  pthread_mutex_lock(&range.mutex);
  if (range.n_free)
    slot = range.base + range.free_slots[--range.n_free] * range.slot_bytes;
  else if (range.n_used < range.n_slots)
    slot = range.base + range.n_used++ * range.slot_bytes;
  pthread_mutex_unlock(&range.mutex);
  return slot;
}

static void slot_give(char *slot)
{
  /* A Close or Ping has made its page resident. */
  madvise(slot, range.slot_bytes, MADV_DONTNEED);
  pthread_mutex_lock(&range.mutex);
  range.free_slots[range.n_free++] = (uint32_t)((size_t)(slot - range.base) / range.slot_bytes);
  pthread_mutex_unlock(&range.mutex);
}

static bool is_slot(const void *ptr)
{
  uintptr_t at = (uintptr_t)ptr, base = (uintptr_t)range.base;
  return at >= base && at < base + range.n_slots * range.slot_bytes;
}

static void *allocate(void *ptr, size_t size, const char *reason)
{
  if (!ptr && size && size <= range.slot_bytes && strcmp(reason, "rx_ubuf") == 0) {
    void *slot = slot_take();
    if (slot)
      return slot;
  }
  if (ptr && is_slot(ptr)) {
    if (size) /* libwebsockets never resizes one */
      return size <= range.slot_bytes ? ptr : NULL;
    slot_give(ptr);
    return NULL;
  }
  if (size)
    return realloc(ptr, size);
  free(ptr);
  return NULL;
}

static void *reserve(size_t bytes)
{
  void *at =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

void rx_memory_install(size_t bytes, size_t n)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  range.slot_bytes = (bytes + page - 1) / page * page;
  char *base = n <= UINT32_MAX ? reserve(n * range.slot_bytes) : NULL;
  if (base)
    range.free_slots = reserve(n * sizeof *range.free_slots);
  if (!range.free_slots) {
    if (base)
      munmap(base, n * range.slot_bytes);
    log_info("net", "no address space for receive buffers; an idle connection costs a page more");
    return;
  }
  /* A huge page would make the whole neighbourhood of a touched byte resident. */
  madvise(base, n * range.slot_bytes, MADV_NOHUGEPAGE);
  range.base = base;
  range.n_slots = n;
  lws_set_allocator(allocate);
}
