#include "redis_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { MIN_BUCKETS = 64 };

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

/* SipHash-1-3. */
static uint64_t hash_of(const struct redis_map *map, struct plug_str name, bool is_glob)
{
  uint64_t v[4] = {
      map->key[0] ^ UINT64_C(0x736f6d6570736575), map->key[1] ^ UINT64_C(0x646f72616e646f6d),
      map->key[0] ^ UINT64_C(0x6c7967656e657261), map->key[1] ^ UINT64_C(0x7465646279746573)};
  uint64_t word = 0;
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
  word |= (uint64_t)(name.len * 2 + is_glob) << 56;
  v[3] ^= word;
  sip_round(v);
  v[0] ^= word;
  v[2] ^= 0xFF;
  for (int r = 0; r < 3; r++)
    sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void redis_map_init(struct redis_map *map)
{
  *map = (struct redis_map){0};
  if (getrandom(map->key, sizeof map->key, GRND_NONBLOCK) != sizeof map->key)
    map->key[0] = (uintptr_t)map; /* early boot: the address is all there is */
}

void redis_map_fini(struct redis_map *map)
{
  free(map->buckets);
  *map = (struct redis_map){0};
}

static struct redis_channel *find(const struct redis_map *map, struct plug_str name, bool is_glob,
                                  uint64_t hash)
{
  if (map->n_buckets == 0)
    return NULL;
  struct redis_channel *c = map->buckets[hash & (map->n_buckets - 1)];
  while (c != NULL && !(c->hash == hash && c->is_glob == is_glob && c->name_len == name.len &&
                        memcmp(c->name, name.ptr, name.len) == 0))
    c = c->next;
  return c;
}

struct redis_channel *redis_map_find(const struct redis_map *map, struct plug_str name,
                                     bool is_glob)
{
  return map->n == 0 ? NULL : find(map, name, is_glob, hash_of(map, name, is_glob));
}

static bool grow(struct redis_map *map)
{
  size_t n = map->n_buckets == 0 ? MIN_BUCKETS : map->n_buckets * 2;
  struct redis_channel **buckets = calloc(n, sizeof *buckets);
  if (buckets == NULL)
    return map->n_buckets > 0; /* a full table still works */
  for (size_t i = 0; i < map->n_buckets; i++) {
    while (map->buckets[i] != NULL) {
      struct redis_channel *c = map->buckets[i];
      map->buckets[i] = c->next;
      c->next = buckets[c->hash & (n - 1)];
      buckets[c->hash & (n - 1)] = c;
    }
  }
  free(map->buckets);
  map->buckets = buckets;
  map->n_buckets = n;
  return true;
}

struct redis_channel *redis_map_get(struct redis_map *map, struct plug_str name, bool is_glob)
{
  uint64_t hash = hash_of(map, name, is_glob);
  struct redis_channel *c = find(map, name, is_glob, hash);
  if (c != NULL)
    return c;
  if (map->n >= map->n_buckets && !grow(map))
    return NULL;
  c = calloc(1, sizeof *c + name.len);
  if (c == NULL)
    return NULL;
  c->hash = hash;
  c->is_glob = is_glob;
  c->name_len = name.len;
  memcpy(c->name, name.ptr, name.len);
  c->next = map->buckets[hash & (map->n_buckets - 1)];
  map->buckets[hash & (map->n_buckets - 1)] = c;
  map->n++;
  return c;
}

void redis_map_remove(struct redis_map *map, struct redis_channel *channel)
{
  struct redis_channel **link = &map->buckets[channel->hash & (map->n_buckets - 1)];
  while (*link != channel)
    link = &(*link)->next;
  *link = channel->next;
  map->n--;
  free(channel);
}

struct redis_channel *redis_map_any(const struct redis_map *map, size_t *hint)
{
  for (; *hint < map->n_buckets; ++*hint)
    if (map->buckets[*hint] != NULL)
      return map->buckets[*hint];
  return NULL;
}
