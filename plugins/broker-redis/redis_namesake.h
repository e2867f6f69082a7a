/* Another node with the same Redis, prefix and name: each takes the other's messages for its own.
 * Tells the log now and then, and health for as long as it is heard. Owns nothing. [home] */
#ifndef REDIS_NAMESAKE_H
#define REDIS_NAMESAKE_H

#include "redis_env.h"

/* Zero: none has been heard. */
struct redis_namesake {
  uint64_t heard_ms, said_ms;
};

void redis_namesake_hear(struct redis_namesake *namesake, const struct redis_env *env);
/* Has it been heard of late? */
bool redis_namesake_is_near(const struct redis_namesake *namesake, uint64_t now_ms);

#endif
