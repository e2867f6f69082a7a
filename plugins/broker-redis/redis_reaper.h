/* Takes the members of condemned incarnations away, some at a time. Any number of nodes may do so
 * at once: what one has taken is gone for the others, and what one has left off others find. Owns
 * the list of those to do. No I/O. [home] */
#ifndef REDIS_REAPER_H
#define REDIS_REAPER_H

#include <hiredis/hiredis.h>

#include "redis_env.h"
#include "redis_lease.h"
#include "redis_script.h"

enum {
  REDIS_REAPER_MAX = 32,       /* more are found again at the next renewal */
  REDIS_REAPER_PER_CALL = 200, /* about two milliseconds of Redis' time */
};

enum redis_reaper_step { REDIS_REAPER_PEEK, REDIS_REAPER_APPLY, REDIS_REAPER_BURY };

struct redis_reaper {
  const struct redis_env *env;
  struct redis_presence_names names;
  struct redis_call call;
  char dead[REDIS_REAPER_MAX][REDIS_LEASE_NAME]; /* the first is under way */
  size_t n_dead;
  enum redis_reaper_step step; /* the next one, or the one under way */
  struct host_log_limit strange_limit;
};

void redis_reaper_init(struct redis_reaper *reaper, const struct redis_env *env,
                       const struct redis_presence_names *names,
                       const struct redis_scripts *scripts);
void redis_reaper_fini(struct redis_reaper *reaper);
/* Once each. */
void redis_reaper_add(struct redis_reaper *reaper, struct plug_str name);
void redis_reaper_clear(struct redis_reaper *reaper);
/* NULL: nothing to do. */
struct redis_call *redis_reaper_next(struct redis_reaper *reaper);
/* The answer to it; what Redis refuses is left for a later time. */
void redis_reaper_take(struct redis_reaper *reaper, const redisReply *reply);

#endif
