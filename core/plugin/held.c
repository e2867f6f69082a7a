#include "plugin/held.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "message/message.h"

#define SHARDS 16u

struct held {
  struct map_entry by_address;
  const struct plug_msg *msg;
  struct plugin_instance *instance;
  size_t refs;
};

static struct shard {
  pthread_mutex_t lock; /* protects the map and its entries; nothing is called under it */
  struct map map;
} shards[SHARDS] = {
#define FOUR                                                          \
  {PTHREAD_MUTEX_INITIALIZER, {0}}, {PTHREAD_MUTEX_INITIALIZER, {0}}, \
      {PTHREAD_MUTEX_INITIALIZER, {0}},                               \
  {                                                                   \
    PTHREAD_MUTEX_INITIALIZER, {0}                                    \
  }
    FOUR, FOUR, FOUR, FOUR};

/* Messages are aligned to cache lines: the lowest six bits are all the same. */
static uint64_t hash_of(const struct plug_msg *msg)
{
  uint64_t mixed = ((uint64_t)(uintptr_t)msg >> 6) * 0x9e3779b97f4a7c15u;
  return mixed ^ mixed >> 32;
}

static struct plug_str key_of(const struct plug_msg *const *msg)
{
  return (struct plug_str){(const char *)msg, sizeof *msg};
}

static struct shard *shard_of(uint64_t hash)
{
  return &shards[hash >> 60];
}

static struct held *find(struct shard *shard, const struct plug_msg *msg, uint64_t hash)
{
  struct map_entry *entry = map_find_hashed(&shard->map, key_of(&msg), hash);
  return entry ? container_of(entry, struct held, by_address) : NULL;
}

bool held_add(const struct plug_msg *msg, struct plugin_instance *instance)
{
  uint64_t hash = hash_of(msg);
  struct shard *shard = shard_of(hash);
  bool added = false;
  pthread_mutex_lock(&shard->lock);
  struct held *held = find(shard, msg, hash);
  if (held) {
    held->refs++;
    added = true;
  } else if ((held = malloc(sizeof *held))) {
    *held = (struct held){.msg = msg, .instance = instance, .refs = 1};
    held->by_address.key = key_of(&held->msg);
    added = map_insert_hashed(&shard->map, &held->by_address, hash);
    if (!added)
      free(held);
  }
  pthread_mutex_unlock(&shard->lock);
  return added;
}

bool held_remove(const struct plug_msg *msg)
{
  uint64_t hash = hash_of(msg);
  struct shard *shard = shard_of(hash);
  struct held *gone = NULL;
  pthread_mutex_lock(&shard->lock);
  struct held *held = find(shard, msg, hash);
  if (held && --held->refs == 0) {
    map_remove(&shard->map, &held->by_address);
    gone = held;
  }
  pthread_mutex_unlock(&shard->lock);
  free(gone);
  return held != NULL;
}

size_t held_reclaim(struct plugin_instance *instance)
{
  size_t n = 0;
  for (struct shard *shard = shards; shard < shards + SHARDS; shard++) {
    struct map_iter it = {0};
    struct map_entry *entry;
    pthread_mutex_lock(&shard->lock);
    while ((entry = map_next(&shard->map, &it))) {
      struct held *held = container_of(entry, struct held, by_address);
      if (held->instance != instance)
        continue;
      map_remove(&shard->map, entry);
      n++;
      /* Frees memory at most: no code of anybody else runs below this lock. */
      while (held->refs--)
        message_unref(held->msg);
      free(held);
    }
    pthread_mutex_unlock(&shard->lock);
  }
  return n;
}
