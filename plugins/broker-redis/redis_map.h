/* The channels and globs of Redis that this node listens to, by name. Owns the channels. [home] */
#ifndef REDIS_MAP_H
#define REDIS_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <plugboard/host.h>

#include "name_map.h"

/* A publish that waits until the SUBSCRIBE of its own topic is confirmed. */
struct redis_held {
  struct redis_held *next;
  const struct plug_msg *msg;
  struct plug_op *op;
};

struct redis_held_list {
  struct redis_held *head, *tail;
  size_t n;
};

struct redis_interest {
  struct redis_interest *next;
  uint64_t id;
  size_t topic_len; /* 0: the topic is the one in the name of the channel */
  char topic[];
};

struct redis_channel {
  struct name_entry by_name; /* its name is in text */
  struct redis_interest *interests;
  struct redis_held_list held;
  uint32_t n_subscribing, n_unsubscribing; /* commands that Redis has not answered yet */
  uint32_t n_refs;                         /* batches that may still undo what they did */
  bool is_glob;
  bool at_redis; /* what the last answer of Redis left behind */
  bool wanted;   /* what the last command asked for */
  char text[];
};

struct redis_map {
  struct name_map channels, globs;
};

void redis_map_init(struct redis_map *map);
/* The channels must have been taken out before. */
void redis_map_fini(struct redis_map *map);

struct redis_channel *redis_map_find(const struct redis_map *map, struct plug_str name,
                                     bool is_glob);
/* Finds it or makes an empty one; NULL when out of memory. */
struct redis_channel *redis_map_get(struct redis_map *map, struct plug_str name, bool is_glob);
/* Takes it out and frees it; it has no interests and nothing held. */
void redis_map_remove(struct redis_map *map, struct redis_channel *channel);
size_t redis_map_count(const struct redis_map *map);
/* Any channel, to empty the map; NULL when it is empty. hint starts at 0 and is kept by the caller.
 */
struct redis_channel *redis_map_any(const struct redis_map *map, size_t hint[2]);

#endif
