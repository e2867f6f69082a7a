#include "name_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SLOTS 16

static uint64_t rotate(uint64_t x, unsigned by)
{
  return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
  v[0] += v[1];
  v[1] = rotate(v[1], 13) ^ v[0];
  v[0] = rotate(v[0], 32);
  v[2] += v[3];
  v[3] = rotate(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotate(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotate(v[1], 17) ^ v[2];
  v[2] = rotate(v[2], 32);
}

static uint64_t hash_of(const struct name_map *map, struct plug_str name)
{
  uint64_t v[4] = {
      map->key[0] ^ UINT64_C(0x736f6d6570736575), map->key[1] ^ UINT64_C(0x646f72616e646f6d),
      map->key[0] ^ UINT64_C(0x6c7967656e657261), map->key[1] ^ UINT64_C(0x7465646279746573)};
  uint64_t word;
  size_t i = 0;
  for (; i + 8 <= name.len; i += 8) {
    memcpy(&word, name.ptr + i, 8);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
  }
  word = 0;
  if (name.len > i)
    memcpy(&word, name.ptr + i, name.len - i);
  word |= (uint64_t)name.len << 56;
  v[3] ^= word;
  sip_round(v);
  v[0] ^= word;
  v[2] ^= 0xFF;
  for (int r = 0; r < 3; r++)
    sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void name_map_init(struct name_map *map)
{
  *map = (struct name_map){0};
  if (getrandom(map->key, sizeof map->key, GRND_NONBLOCK) != (ssize_t)sizeof map->key)
    map->key[0] = (uintptr_t)map; /* early boot: the address is all there is */
}

void name_map_fini(struct name_map *map)
{
  free(map->slots);
  map->slots = NULL;
  map->n_slots = map->n = 0;
}

struct name_entry *name_map_find(const struct name_map *map, struct plug_str name)
{
  if (!map->n)
    return NULL;
  uint64_t hash = hash_of(map, name);
  struct name_entry *entry = map->slots[hash & (map->n_slots - 1)];
  while (entry && !(entry->hash == hash && entry->name.len == name.len &&
                    (!name.len || memcmp(entry->name.ptr, name.ptr, name.len) == 0)))
    entry = entry->next;
  return entry;
}

static bool grow(struct name_map *map)
{
  size_t n = map->n_slots ? map->n_slots * 2 : FIRST_SLOTS;
  struct name_entry **slots = calloc(n, sizeof(struct name_entry *));
  if (!slots)
    return map->n_slots > 0; /* a full table is slow, but works */
  for (size_t i = 0; i < map->n_slots; i++) {
    struct name_entry *entry, *next;
    for (entry = map->slots[i]; entry; entry = next) {
      next = entry->next;
      entry->next = slots[entry->hash & (n - 1)];
      slots[entry->hash & (n - 1)] = entry;
    }
  }
  free(map->slots);
  map->slots = slots;
  map->n_slots = n;
  return true;
}

bool name_map_add(struct name_map *map, struct name_entry *entry)
{
  if (map->n >= map->n_slots && !grow(map))
    return false;
  entry->hash = hash_of(map, entry->name);
  struct name_entry **slot = &map->slots[entry->hash & (map->n_slots - 1)];
  entry->next = *slot;
  *slot = entry;
  map->n++;
  return true;
}

void name_map_remove(struct name_map *map, struct name_entry *entry)
{
  struct name_entry **link = &map->slots[entry->hash & (map->n_slots - 1)];
  while (*link != entry)
    link = &(*link)->next;
  *link = entry->next;
  map->n--;
}

struct name_entry *name_map_next(const struct name_map *map, struct name_iter *it)
{
  while (!it->next && it->slot < map->n_slots)
    it->next = map->slots[it->slot++];
  struct name_entry *entry = it->next;
  if (entry)
    it->next = entry->next;
  return entry;
}
