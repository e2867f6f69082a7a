#include "redis_map.h"

#include <stdlib.h>
#include <string.h>

void redis_map_init(struct redis_map *map)
{
  name_map_init(&map->channels);
  name_map_init(&map->globs);
}

void redis_map_fini(struct redis_map *map)
{
  name_map_fini(&map->channels);
  name_map_fini(&map->globs);
}

static struct redis_channel *channel_of(struct name_entry *entry)
{
  return entry != NULL ? NAME_OWNER(entry, struct redis_channel, by_name) : NULL;
}

struct redis_channel *redis_map_find(const struct redis_map *map, struct plug_str name,
                                     bool is_glob)
{
  return channel_of(name_map_find(is_glob ? &map->globs : &map->channels, name));
}

struct redis_channel *redis_map_get(struct redis_map *map, struct plug_str name, bool is_glob)
{
  struct redis_channel *c = redis_map_find(map, name, is_glob);
  if (c != NULL)
    return c;
  c = calloc(1, sizeof *c + name.len);
  if (c == NULL)
    return NULL;
  c->is_glob = is_glob;
  memcpy(c->text, name.ptr, name.len);
  c->by_name.name = (struct plug_str){c->text, name.len};
  if (!name_map_add(is_glob ? &map->globs : &map->channels, &c->by_name)) {
    free(c);
    return NULL;
  }
  return c;
}

void redis_map_remove(struct redis_map *map, struct redis_channel *channel)
{
  name_map_remove(channel->is_glob ? &map->globs : &map->channels, &channel->by_name);
  free(channel);
}

size_t redis_map_count(const struct redis_map *map)
{
  return map->channels.n + map->globs.n;
}

/* The first of the first slot that is not empty: whatever has been removed meanwhile. */
static struct redis_channel *any_of(const struct name_map *map, size_t *hint)
{
  struct name_iter it = {.slot = *hint};
  struct name_entry *entry = name_map_next(map, &it);
  *hint = entry != NULL ? it.slot - 1 : it.slot;
  return channel_of(entry);
}

struct redis_channel *redis_map_any(const struct redis_map *map, size_t hint[2])
{
  struct redis_channel *c = any_of(&map->channels, &hint[0]);
  return c != NULL ? c : any_of(&map->globs, &hint[1]);
}
