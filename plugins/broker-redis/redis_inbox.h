/* Layout single: what comes by the one channel, to the host. What is no message is counted and
 * dropped, with a line in the log now and then. Owns a buffer. [home] */
#ifndef REDIS_INBOX_H
#define REDIS_INBOX_H

#include "redis_buf.h"
#include "redis_env.h"

struct redis_inbox {
  const struct redis_env *env;
  const char *channel; /* for the log */
  struct redis_buf scratch;
  struct host_log_limit json_limit, content_limit;
};

void redis_inbox_take(struct redis_inbox *inbox, struct plug_str wire);
void redis_inbox_fini(struct redis_inbox *inbox);

#endif
