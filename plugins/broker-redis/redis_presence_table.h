/* The extension "plug.broker.presence/1" as the server calls it, with the instance in front. Owns
 * nothing. [home] */
#ifndef REDIS_PRESENCE_TABLE_H
#define REDIS_PRESENCE_TABLE_H

#include "redis_presence.h"

extern const struct plug_broker_presence redis_presence_table;

/* The presence of an instance; broker_redis.c has it. */
struct redis_presence *redis_presence_of(void *self);

#endif
