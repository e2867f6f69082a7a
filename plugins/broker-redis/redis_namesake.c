#include "redis_namesake.h"

enum { PERIOD_MS = 60000 }; /* repeats it in the log, or forgets it */

void redis_namesake_hear(struct redis_namesake *namesake, const struct redis_env *env)
{
  uint64_t now = env->host->now_ms(env->host);
  namesake->heard_ms = now;
  redis_count(env, REDIS_M_NAMESAKE_PROBES, 1);
  if (namesake->said_ms != 0 && now - namesake->said_ms < PERIOD_MS)
    return;
  namesake->said_ms = now;
  redis_log(env, PLUG_LOG_ERROR,
            "another node with this Redis and this prefix is called '%s', too: give each node a "
            "name of its own ([server] node), and clusters that share a Redis a prefix each",
            env->host->node);
}

bool redis_namesake_is_near(const struct redis_namesake *namesake, uint64_t now_ms)
{
  return namesake->heard_ms != 0 && now_ms - namesake->heard_ms < PERIOD_MS;
}
