/* A hash table of entries embedded in their owners, by names that clients choose: the hash is keyed
 * (SipHash-1-3). Owns its array of slots only; an entry's name must outlive its place in the map.
 * Its owner's thread. */
#ifndef NAME_MAP_H
#define NAME_MAP_H

#include <stdbool.h>

#include <plugboard/abi.h>

struct name_entry {
  struct name_entry *next;
  uint64_t hash;
  struct plug_str name;
};

struct name_map {
  struct name_entry **slots;
  size_t n_slots, n; /* n_slots: 0 or a power of two */
  uint64_t key[2];
};

#define NAME_OWNER(entry, type, member) ((type *)(void *)((char *)(entry) - offsetof(type, member)))

void name_map_init(struct name_map *map);
void name_map_fini(struct name_map *map); /* its entries are the caller's */

struct name_entry *name_map_find(const struct name_map *map, struct plug_str name);
/* entry->name is set, and not in the map. False: out of memory. */
bool name_map_add(struct name_map *map, struct name_entry *entry);
void name_map_remove(struct name_map *map, struct name_entry *entry);

/* Visits all; the entry that is visited may be removed, none may be added. */
struct name_iter { /* starts zeroed */
  size_t slot;
  struct name_entry *next;
};
struct name_entry *name_map_next(const struct name_map *map, struct name_iter *it);

#endif
