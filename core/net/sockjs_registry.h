/* Which worker has which SockJS session: requests of one session come by several connections, and
 * these to any worker. Sharded; a shard's mutex protects its map only, is held for a look-up or a
 * change of it, and nothing else is locked meanwhile. Owns no entries. Any thread. */
#ifndef NET_SOCKJS_REGISTRY_H
#define NET_SOCKJS_REGISTRY_H

#include "base/map.h"

struct net_env;
struct sockjs_registry;

struct sockjs_entry {      /* in its session */
  struct map_entry by_key; /* whose key the owner sets, and which stays as it is */
  struct net_env *env;     /* of the worker whose session it is */
};

/* max: so many entries at most. NULL when out of memory. */
struct sockjs_registry *sockjs_registry_new(uint64_t max);
/* Another limit from now on; no session ends by it. */
void sockjs_registry_limit(struct sockjs_registry *registry, uint64_t max);
void sockjs_registry_free(struct sockjs_registry *registry);

/* The owner of the session; NULL: there is none. *entry is set when that is env: only the owner
 * may look into it. */
struct net_env *sockjs_registry_find(struct sockjs_registry *registry, struct plug_str key,
                                     const struct net_env *env, struct sockjs_entry **entry);

enum sockjs_claim {
  SOCKJS_CLAIMED,
  SOCKJS_TAKEN, /* another one has come first */
  SOCKJS_FULL,
  SOCKJS_CLAIM_NO_MEMORY
};
enum sockjs_claim sockjs_registry_add(struct sockjs_registry *registry, struct sockjs_entry *entry);
void sockjs_registry_remove(struct sockjs_registry *registry, struct sockjs_entry *entry);

#endif
