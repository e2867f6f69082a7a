/* A hash table of entries embedded in their owners, keyed by bytes. Owns the bucket array only; an
 * entry's key must outlive its membership. The thread (or lock) that owns the map. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>

#include <plugboard/abi.h>

struct map_entry {
  struct map_entry *next;
  uint64_t hash;
  struct plug_str key;
};

struct map { /* zeroed: empty */
  struct map_entry **buckets;
  size_t n_buckets; /* 0 or a power of two */
  size_t count;
};

void map_fini(struct map *m); /* frees the buckets; entries are the caller's */

struct map_entry *map_find(const struct map *m, struct plug_str key);
/* For callers that have hash_bytes(key) already. */
struct map_entry *map_find_hashed(const struct map *m, struct plug_str key, uint64_t hash);
/* entry->key is set by the caller and not yet in the map. False when out of memory. */
bool map_insert(struct map *m, struct map_entry *entry);
bool map_insert_hashed(struct map *m, struct map_entry *entry, uint64_t hash);
void map_remove(struct map *m, struct map_entry *entry);

/* Visits the entries of one bucket, and says where to go on; it begins with 0, and is through when
 * that comes back. Between two calls the map may change: what is in it all the time is visited
 * once (while it only grows or shrinks; an emptied map may begin anew), what comes and goes
 * perhaps. visit may not change the map. */
size_t map_scan(const struct map *m, size_t cursor,
                void (*visit)(void *ctx, const struct map_entry *entry), void *ctx);

/* Visits every entry; entries may be removed (and freed) while they are visited, none added. */
struct map_iter {
  size_t bucket;
  struct map_entry *next;
};
struct map_entry *map_next(const struct map *m, struct map_iter *it); /* it starts zeroed */

#endif
