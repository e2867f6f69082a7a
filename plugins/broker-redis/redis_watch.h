/* Changes of watched topics: the SUBSCRIBE of a topic's channel and who waits for its answer, and
 * what is published there, to the server. Owns the line of those that wait. [home] */
#ifndef REDIS_WATCH_H
#define REDIS_WATCH_H

#include <plugboard/ext/presence.h>

#include "redis_topics.h"

struct redis_watch_op;

struct redis_watch {
  const struct redis_env *env;
  const struct plug_broker_presence_up *up;
  struct redis_topics *topics;
  struct plug_str channel; /* before the topic */
  size_t max_ops, n_ops;
  struct redis_watch_op *head, **tail; /* in the order of the answers */
  struct redis_buf name;
  struct host_log_limit bad_limit;
};

void redis_watch_init(struct redis_watch *watch, const struct redis_env *env,
                      const struct plug_broker_presence_up *up, struct redis_topics *topics,
                      struct plug_str channel, size_t max_ops);
void redis_watch_fini(struct redis_watch *watch); /* after redis_watch_reset */

/* Only while connected. *broken: out of memory, and the connection is of no more use. */
plug_status redis_watch_add(struct redis_watch *watch, struct plug_str topic, struct plug_op *op,
                            bool *broken);
void redis_watch_remove(struct redis_watch *watch, struct plug_str topic, bool *broken);
/* Redis has answered to the first that waits. */
void redis_watch_answered(struct redis_watch *watch, plug_status status, const char *why);
/* Fails all; Redis answers them yet. */
void redis_watch_fail(struct redis_watch *watch, plug_status status, const char *why);
/* The connection is gone: fails all and forgets them. */
void redis_watch_reset(struct redis_watch *watch, plug_status status, const char *why);

/* Something on a channel that is no topic's. False: not one of presence. */
bool redis_watch_hear(struct redis_watch *watch, struct plug_str channel, struct plug_str message);

#endif
