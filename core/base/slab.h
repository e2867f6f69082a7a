/* Objects of one size by the ten thousand, such as connections: packed into chunks of 64 KiB of
 * their own, without malloc's 8 to 24 bytes for each, without holes that others leave between
 * them, and without the system call that a thread's heap makes for every page by which it grows.
 * Owns its chunks, of which those that are empty go back to the system but for one. One thread. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define SLAB_CHUNK_BYTES 65536u

struct slab {
  size_t size; /* of an object, a multiple of 8 */
  struct list with_room;
  uint32_t n_empty; /* of these */
  uint64_t count;   /* objects that are alive */
};

/* size: at most a sixteenth of a chunk. */
void slab_init(struct slab *slab, size_t size);
/* All objects must be gone. */
void slab_fini(struct slab *slab);
/* Zeroed; NULL when out of memory. */
void *slab_alloc(struct slab *slab);
/* object is the slab's. */
void slab_free(struct slab *slab, void *object);

#endif
