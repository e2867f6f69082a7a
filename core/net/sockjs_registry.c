#include "net/sockjs_registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"

#define SHARDS 16

struct shard {
  pthread_mutex_t mutex;
  struct map map;
};

struct sockjs_registry {
  struct shard shards[SHARDS];
  _Atomic uint64_t n;
  _Atomic uint64_t max;
};

void sockjs_registry_limit(struct sockjs_registry *registry, uint64_t max)
{
  atomic_store_explicit(&registry->max, max, memory_order_relaxed);
}

struct sockjs_registry *sockjs_registry_new(uint64_t max)
{
  struct sockjs_registry *registry = calloc(1, sizeof *registry);
  if (!registry)
    return NULL;
  registry->max = max;
  for (int i = 0; i < SHARDS; i++)
    pthread_mutex_init(&registry->shards[i].mutex, NULL);
  return registry;
}

void sockjs_registry_free(struct sockjs_registry *registry)
{
  if (!registry)
    return;
  for (int i = 0; i < SHARDS; i++) {
    pthread_mutex_destroy(&registry->shards[i].mutex);
    map_fini(&registry->shards[i].map);
  }
  free(registry);
}

static struct shard *lock_shard(struct sockjs_registry *registry, uint64_t hash)
{
  struct shard *shard = &registry->shards[(hash >> 32) % SHARDS];
  pthread_mutex_lock(&shard->mutex);
  return shard;
}

struct net_env *sockjs_registry_find(struct sockjs_registry *registry, struct plug_str key,
                                     const struct net_env *env, struct sockjs_entry **entry)
{
  uint64_t hash = hash_bytes(key.ptr, key.len);
  struct net_env *owner = NULL;
  struct shard *shard = lock_shard(registry, hash);
  struct map_entry *found = map_find_hashed(&shard->map, key, hash);
  *entry = NULL;
  if (found) {
    struct sockjs_entry *there = container_of(found, struct sockjs_entry, by_key);
    owner = there->env;
    if (owner == env)
      *entry = there;
  }
  pthread_mutex_unlock(&shard->mutex);
  return owner;
}

enum sockjs_claim sockjs_registry_add(struct sockjs_registry *registry, struct sockjs_entry *entry)
{
  if (atomic_fetch_add(&registry->n, 1) >= registry->max) {
    atomic_fetch_sub(&registry->n, 1);
    return SOCKJS_FULL;
  }
  struct plug_str key = entry->by_key.key;
  uint64_t hash = hash_bytes(key.ptr, key.len);
  struct shard *shard = lock_shard(registry, hash);
  enum sockjs_claim claim = map_find_hashed(&shard->map, key, hash) ? SOCKJS_TAKEN
                            : map_insert_hashed(&shard->map, &entry->by_key, hash)
                                ? SOCKJS_CLAIMED
                                : SOCKJS_CLAIM_NO_MEMORY;
  pthread_mutex_unlock(&shard->mutex);
  if (claim != SOCKJS_CLAIMED)
    atomic_fetch_sub(&registry->n, 1);
  return claim;
}

void sockjs_registry_remove(struct sockjs_registry *registry, struct sockjs_entry *entry)
{
  struct shard *shard = lock_shard(registry, entry->by_key.hash);
  map_remove(&shard->map, &entry->by_key);
  pthread_mutex_unlock(&shard->mutex);
  atomic_fetch_sub(&registry->n, 1);
}
