/* Finds the master through Redis Sentinel and follows failovers. Asks the sentinels in turn; the
 * one that answered is watched for +switch-master until it is lost, then the next one. Owns one
 * connection and one timer. [home] */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include "redis_conn.h"

struct redis_sentinel_config {
  const struct redis_addr *addrs;
  size_t n_addrs;
  const char *master; /* the name of the set of servers */
  struct redis_login login;
  uint64_t timeout_ms; /* per sentinel */
};

/* None is called from inside redis_sentinel_ask. */
struct redis_sentinel_events {
  void (*found)(void *arg, const struct redis_addr *master); /* the answer to ask */
  /* The other answer: no sentinel knew. loss is about the last one; its status is PLUG_ESTATE only
   * if none of them listens. */
  void (*failed)(void *arg, const struct redis_loss *loss);
  void (*moved)(void *arg, const struct redis_addr *master); /* unasked: there is another master */
};

struct redis_sentinel;

/* config is copied, what it points to is borrowed. NULL: out of memory. */
struct redis_sentinel *redis_sentinel_new(const struct redis_env *env, struct redis_tasks *tasks,
                                          const struct redis_sentinel_config *config,
                                          const struct redis_sentinel_events *events, void *arg);
/* Not from inside its own events. NULL is fine. */
void redis_sentinel_free(struct redis_sentinel *sentinel);

void redis_sentinel_ask(struct redis_sentinel *sentinel);

/* The address in text such as "mymaster 10.0.0.1 6379 10.0.0.2 6379", what +switch-master says, if
 * it is about master. */
bool redis_sentinel_parse_switch(struct plug_str text, const char *master, struct redis_addr *addr);

#endif
