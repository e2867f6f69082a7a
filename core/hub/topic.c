#include "hub/topic.h"

#include <stdlib.h>

#include "base/block.h"
#include "base/hash.h"
#include "hub/route.h"

/* Room for one more in an array of pointers that began as the one place at first. NULL when out of
 * memory, and the array is as it was. */
static void *grow(void *array, const void *first, uint32_t cap, uint32_t *new_cap)
{
  *new_cap = cap * 2;
  if (array != first)
    return realloc(array, *new_cap * sizeof(void *));
  void *grown = malloc(*new_cap * sizeof(void *));
  if (grown)
    memcpy(grown, first, sizeof(void *));
  return grown;
}

static void drop(void *array, const void *first)
{
  if (array != first)
    free(array);
}

plug_status topic_new(struct hub *hub, struct plug_str name, uint64_t hash, struct pattern *pattern,
                      struct topic **out)
{
  struct topic *topic = block_alloc_zeroed(sizeof *topic + name.len);
  if (!topic)
    return PLUG_ENOMEM;
  memcpy(topic->name, name.ptr, name.len);
  topic->by_name.key = str_from(topic->name, name.len);
  list_init(&topic->link);
  topic->groups = &topic->group;
  topic->cap_groups = 1;
  struct map *map = pattern ? &hub->patterns : &hub->topics;
  if (!map_insert_hashed(map, &topic->by_name, hash)) {
    block_free(topic, sizeof *topic + name.len);
    return PLUG_ENOMEM;
  }
  plug_status status =
      interest_join_hashed(hub->interests, hub->worker, name, hash, pattern != NULL);
  if (status < 0) {
    map_remove(map, &topic->by_name);
    block_free(topic, sizeof *topic + name.len);
    return status;
  }
  topic->confirmed = status == PLUG_OK;
  topic->prefix = hub_prefixes_find(&hub->prefixes, name);
  topic->pattern = pattern;
  if (pattern) {
    list_append(&hub->pattern_list, &topic->link);
    hub->pattern_generation++;
  }
  *out = topic;
  return PLUG_OK;
}

void topic_free(struct hub *hub, struct topic *topic)
{
  interest_leave_hashed(hub->interests, hub->worker, topic->by_name.key, topic->by_name.hash,
                        topic->pattern != NULL);
  map_remove(topic->pattern ? &hub->patterns : &hub->topics, &topic->by_name);
  if (topic->pattern) {
    list_remove(&topic->link);
    hub->pattern_generation++;
    pattern_free(topic->pattern);
    if (list_empty(&hub->pattern_list))
      routes_clear(hub);
  }
  drop(topic->groups, &topic->group);
  block_free(topic, sizeof *topic + topic->by_name.key.len);
}

/* --- groups ------------------------------------------------------------------------------- */

#define GROUP_KEY_HEAD (sizeof(struct topic *) + 2)
#define ID_ON_STACK    128

static struct group *group_new(struct hub *hub, struct topic *topic, struct plug_str key,
                               uint64_t key_hash, uint64_t id_hash)
{
  struct group *group = block_alloc_zeroed(sizeof *group + key.len);
  if (!group)
    return NULL;
  if (topic->n_groups == topic->cap_groups) {
    uint32_t cap;
    struct group **groups = grow(topic->groups, &topic->group, topic->cap_groups, &cap);
    if (!groups) {
      block_free(group, sizeof *group + key.len);
      return NULL;
    }
    topic->groups = groups;
    topic->cap_groups = cap;
  }
  memcpy(group->key, key.ptr, key.len);
  group->by_key.key = str_from(group->key, key.len);
  group->id = str_from(group->key + GROUP_KEY_HEAD, key.len - GROUP_KEY_HEAD);
  group->id_hash = id_hash;
  group->topic = topic;
  group->prefix = topic->prefix;
  group->plain_id = true;
  group->queues = &group->queue;
  group->members = &group->member;
  group->cap = 1;
  for (size_t i = 0; i < group->id.len; i++) {
    char c = group->id.ptr[i];
    group->plain_id &= c != ':' && c != '\\' && c != '\n' && c != '\r' && c != '\0';
  }
  if (!map_insert_hashed(&hub->groups, &group->by_key, key_hash)) {
    block_free(group, sizeof *group + key.len);
    return NULL;
  }
  group->index = topic->n_groups;
  topic->groups[topic->n_groups++] = group;
  return group;
}

void group_free(struct hub *hub, struct group *group)
{
  struct topic *topic = group->topic;
  struct group *last = topic->groups[--topic->n_groups];
  topic->groups[group->index] = last;
  last->index = group->index;
  map_remove(&hub->groups, &group->by_key);
  drop(group->queues, &group->queue);
  drop(group->members, &group->member);
  block_free(group, sizeof *group + group->by_key.key.len);
}

static uint64_t group_hash(const struct topic *topic, const struct hub_subscribe *request,
                           uint64_t id_hash)
{
  uint64_t form = (uint64_t)request->version << 8 | (uint64_t)request->ack;
  uint64_t h = (topic->by_name.hash + form) * UINT64_C(0x9e3779b97f4a7c15) ^ id_hash;
  h *= UINT64_C(0xff51afd7ed558ccd);
  return h ^ h >> 32;
}

struct group *group_get(struct hub *hub, struct topic *topic, const struct hub_subscribe *request)
{
  char on_stack[GROUP_KEY_HEAD + ID_ON_STACK];
  size_t len = GROUP_KEY_HEAD + request->id.len;
  char *key = len <= sizeof on_stack ? on_stack : malloc(len);
  if (!key)
    return NULL;
  memcpy(key, &topic, sizeof topic);
  key[sizeof topic] = (char)request->version;
  key[sizeof topic + 1] = (char)request->ack;
  if (request->id.len)
    memcpy(key + GROUP_KEY_HEAD, request->id.ptr, request->id.len);
  /* The topic's own hash is keyed as well: topics of one client's choice do not meet. */
  uint64_t id_hash = hash_bytes(request->id.ptr, request->id.len);
  uint64_t hash = group_hash(topic, request, id_hash);
  struct map_entry *e = map_find_hashed(&hub->groups, str_from(key, len), hash);
  struct group *group = e ? container_of(e, struct group, by_key)
                          : group_new(hub, topic, str_from(key, len), hash, id_hash);
  if (key != on_stack)
    free(key);
  if (!group)
    return NULL;
  group->version = request->version;
  group->ack = request->ack;
  if (group->n < group->cap)
    return group;
  uint32_t cap;
  struct outq **queues = grow(group->queues, &group->queue, group->cap, &cap);
  if (queues)
    group->queues = queues;
  struct subscription **members = grow(group->members, &group->member, group->cap, &cap);
  if (members)
    group->members = members;
  if (!queues || !members)
    return NULL;
  group->cap = cap;
  return group;
}
