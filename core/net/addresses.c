#include "net/addresses.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/ip.h"
#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

#define SHARDS    16
#define MINUTE_US 60000000u
/* Entries of a part before those that have run out are looked for. */
#define SWEEP_MIN 1024

struct entry {
  struct map_entry by_key;
  uint8_t key[16];
  uint64_t n;
  uint64_t full_us; /* when a full burst is allowed again: the time that is used up, ahead of now */
};

struct shard {
  pthread_mutex_t mutex; /* protects what follows */
  struct map map;
  size_t sweep_at;
};

struct addresses {
  _Atomic uint64_t max;
  _Atomic uint64_t interval_us; /* what one connection uses up of a minute; 0: nothing */
  struct shard shards[SHARDS];
};

void addresses_limit(struct addresses *addresses, uint64_t max, uint64_t per_minute)
{
  atomic_store_explicit(&addresses->max, max, memory_order_relaxed);
  atomic_store_explicit(&addresses->interval_us, per_minute ? MINUTE_US / per_minute : 0,
                        memory_order_relaxed);
}

static uint64_t max_of(const struct addresses *addresses)
{
  return atomic_load_explicit(&addresses->max, memory_order_relaxed);
}

static uint64_t interval_of(const struct addresses *addresses)
{
  return atomic_load_explicit(&addresses->interval_us, memory_order_relaxed);
}

bool addresses_have_limits(const struct addresses *addresses)
{
  return max_of(addresses) || interval_of(addresses);
}

struct addresses *addresses_new(uint64_t max, uint64_t per_minute)
{
  struct addresses *addresses = calloc(1, sizeof *addresses);
  if (!addresses)
    return NULL;
  addresses_limit(addresses, max, per_minute);
  for (unsigned i = 0; i < SHARDS; i++) {
    pthread_mutex_init(&addresses->shards[i].mutex, NULL);
    addresses->shards[i].sweep_at = SWEEP_MIN;
  }
  return addresses;
}

void addresses_free(struct addresses *addresses)
{
  if (!addresses)
    return;
  for (unsigned i = 0; i < SHARDS; i++) {
    struct shard *shard = &addresses->shards[i];
    struct map_iter it = {0, NULL};
    struct map_entry *e;
    while ((e = map_next(&shard->map, &it)))
      free(container_of(e, struct entry, by_key));
    map_fini(&shard->map);
    pthread_mutex_destroy(&shard->mutex);
  }
  free(addresses);
}

static void make_key(const uint8_t address[16], uint8_t key[16])
{
  memcpy(key, address, 16);
  if (!ip_is_v4(address))
    memset(key + 8, 0, 8);
}

static bool is_over(const struct entry *entry, uint64_t now_us)
{
  return entry->n == 0 && entry->full_us <= now_us;
}

static void forget(struct shard *shard, struct entry *entry)
{
  map_remove(&shard->map, &entry->by_key);
  free(entry);
}

static void sweep(struct shard *shard, uint64_t now_us)
{
  struct map_iter it = {0, NULL};
  struct map_entry *e;
  while ((e = map_next(&shard->map, &it))) {
    struct entry *entry = container_of(e, struct entry, by_key);
    if (is_over(entry, now_us))
      forget(shard, entry);
  }
  shard->sweep_at = shard->map.count * 2 < SWEEP_MIN ? SWEEP_MIN : shard->map.count * 2;
}

static struct entry *find(const struct shard *shard, const uint8_t key[16], uint64_t hash)
{
  struct map_entry *e = map_find_hashed(&shard->map, str_from((const char *)key, 16), hash);
  return e ? container_of(e, struct entry, by_key) : NULL;
}

static struct entry *add(struct shard *shard, const uint8_t key[16], uint64_t hash, uint64_t now_us)
{
  if (shard->map.count >= shard->sweep_at)
    sweep(shard, now_us);
  struct entry *entry = calloc(1, sizeof *entry);
  if (!entry)
    return NULL;
  memcpy(entry->key, key, 16);
  entry->by_key.key = str_from((const char *)entry->key, 16);
  if (map_insert_hashed(&shard->map, &entry->by_key, hash))
    return entry;
  free(entry);
  return NULL;
}

enum addresses_verdict addresses_enter(struct addresses *addresses, const uint8_t address[16],
                                       uint64_t now_ms)
{
  uint8_t key[16];
  make_key(address, key);
  uint64_t hash = hash_bytes(key, sizeof key), now_us = now_ms * 1000, max = max_of(addresses);
  struct shard *shard = &addresses->shards[hash % SHARDS];
  enum addresses_verdict verdict = ADDRESS_OK;
  pthread_mutex_lock(&shard->mutex);
  struct entry *entry = find(shard, key, hash);
  if (!entry)
    entry = add(shard, key, hash, now_us);
  if (entry) {
    uint64_t used_us = (entry->full_us > now_us ? entry->full_us : now_us) + interval_of(addresses);
    if (max && entry->n >= max)
      verdict = ADDRESS_TOO_MANY;
    else if (used_us > now_us + MINUTE_US)
      verdict = ADDRESS_TOO_FAST;
    else
      entry->full_us = used_us;
    entry->n += verdict == ADDRESS_OK;
  }
  pthread_mutex_unlock(&shard->mutex);
  return verdict;
}

bool addresses_are_spent(struct addresses *addresses, const uint8_t address[16], uint64_t now_ms)
{
  uint8_t key[16];
  make_key(address, key);
  uint64_t hash = hash_bytes(key, sizeof key);
  struct shard *shard = &addresses->shards[hash % SHARDS];
  pthread_mutex_lock(&shard->mutex);
  const struct entry *entry = find(shard, key, hash);
  bool spent = entry && entry->full_us + interval_of(addresses) > now_ms * 1000 + MINUTE_US;
  pthread_mutex_unlock(&shard->mutex);
  return spent;
}

void addresses_leave(struct addresses *addresses, const uint8_t address[16], uint64_t now_ms)
{
  uint8_t key[16];
  make_key(address, key);
  uint64_t hash = hash_bytes(key, sizeof key);
  struct shard *shard = &addresses->shards[hash % SHARDS];
  pthread_mutex_lock(&shard->mutex);
  struct entry *entry = find(shard, key, hash);
  if (entry && entry->n)
    entry->n--;
  if (entry && is_over(entry, now_ms * 1000))
    forget(shard, entry);
  pthread_mutex_unlock(&shard->mutex);
}
