#include "plugin/handle.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "plugin/border.h"

/* A token, as a number: generation above, number + 1 below, as with operations. */
#define INDEX_BITS      20
#define INDEX_MASK      (((uintptr_t)1 << INDEX_BITS) - 1)
#define GENERATION_MASK ((uint64_t)(UINTPTR_MAX >> INDEX_BITS))

#define CHUNK_SLOTS 64u
#define CHUNKS_MAX  ((1u << INDEX_BITS) / CHUNK_SLOTS - 1)

struct slot {
  _Atomic uint64_t generation;
  _Atomic(void *) object; /* NULL: free */
  _Atomic int kind;
  _Atomic(const char *) owner; /* its last one while it is free */
  uint32_t number;
  struct slot *next_free; /* under the lock */
};

static _Atomic(struct slot *) directory[CHUNKS_MAX];     /* chunks, never freed */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects the two below */
static struct slot *free_slots;
static uint32_t n_chunks;

/* With the lock held. */
static void add_chunk(void)
{
  struct slot *chunk = n_chunks < CHUNKS_MAX ? calloc(CHUNK_SLOTS, sizeof *chunk) : NULL;
  if (!chunk)
    return;
  for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
    struct slot *slot = &chunk[i];
    slot->number = n_chunks * CHUNK_SLOTS + i;
    atomic_init(&slot->generation, 1);
    slot->next_free = i + 1 < CHUNK_SLOTS ? slot + 1 : NULL;
  }
  free_slots = chunk;
  atomic_store_explicit(&directory[n_chunks++], chunk, memory_order_release);
}

static void *token_of(const struct slot *slot, uint64_t generation)
{
  return (void *)((uintptr_t)(generation & GENERATION_MASK) << INDEX_BITS | (slot->number + 1u));
}

static struct slot *slot_of(const void *handle)
{
  uintptr_t index = ((uintptr_t)handle & INDEX_MASK) - 1;
  if (index >= (uintptr_t)CHUNKS_MAX * CHUNK_SLOTS)
    return NULL;
  struct slot *chunk = atomic_load_explicit(&directory[index / CHUNK_SLOTS], memory_order_acquire);
  return chunk ? &chunk[index % CHUNK_SLOTS] : NULL;
}

void *handle_new(enum handle_kind kind, void *object, const char *owner)
{
  pthread_mutex_lock(&lock);
  if (!free_slots)
    add_chunk();
  struct slot *slot = free_slots;
  if (slot)
    free_slots = slot->next_free;
  pthread_mutex_unlock(&lock);
  if (!slot)
    return NULL;
  atomic_store(&slot->kind, (int)kind);
  atomic_store(&slot->owner, owner);
  atomic_store(&slot->object, object);
  return token_of(slot, atomic_load(&slot->generation));
}

static bool is_live(const struct slot *slot, const void *handle)
{
  return atomic_load(&slot->object) && token_of(slot, atomic_load(&slot->generation)) == handle;
}

void *handle_get(const void *handle, enum handle_kind kind, const char *function)
{
  struct slot *slot = slot_of(handle);
  if (!slot) {
    border_violation_of(NULL, function, "given what is no handle");
    return NULL;
  }
  if (!is_live(slot, handle)) {
    border_violation_of(atomic_load(&slot->owner), function,
                        "given a handle that is closed already");
    return NULL;
  }
  if (atomic_load(&slot->kind) != (int)kind) {
    border_violation_of(atomic_load(&slot->owner), function, "given a handle of another kind");
    return NULL;
  }
  return atomic_load(&slot->object);
}

void handle_free(void *handle)
{
  struct slot *slot = slot_of(handle);
  atomic_store(&slot->object, NULL);
  atomic_fetch_add(&slot->generation, 1);
  pthread_mutex_lock(&lock);
  slot->next_free = free_slots;
  free_slots = slot;
  pthread_mutex_unlock(&lock);
}
