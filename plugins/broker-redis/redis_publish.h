/* Publishing: messages into PUBLISH commands, and Redis' answers back to the operations that wait
 * for them, first in, first out. Messages for a topic whose own SUBSCRIBE is still under way are
 * held until it is confirmed, so that a client hears what it sends right after it subscribed. All
 * of it is bounded. Owns the queue; it is failed when the connection is lost. [home] */
#ifndef REDIS_PUBLISH_H
#define REDIS_PUBLISH_H

#include "redis_topics.h"

struct redis_publish_config {
  struct plug_str prefix;  /* layout topics */
  struct plug_str channel; /* layout single; empty: layout topics */
  size_t max_commands;     /* that Redis has not answered yet, those held included */
  size_t max_bytes;        /* that the kernel has not taken yet, those held included */
  size_t max_json;         /* layout single: of one message, with everything around its payload */
};

/* The node's own commands among the publishes. */
enum redis_own { REDIS_OWN_PROBE, REDIS_OWN_ROLE, REDIS_OWN_INFO, REDIS_OWN_PRESENCE };

struct redis_publish_events {
  /* The answer to redis_publisher_own; a probe's is no error. */
  void (*own_answered)(void *arg, enum redis_own kind, const redisReply *reply);
  /* The connection is of no more use. Calls redis_publisher_reset. */
  void (*broken)(void *arg, const char *why);
};

struct redis_publisher;

/* config is copied, its strings are borrowed. topics tells what to hold. NULL: out of memory. */
struct redis_publisher *redis_publisher_new(const struct redis_env *env,
                                            const struct redis_publish_config *config,
                                            struct redis_topics *topics,
                                            const struct redis_publish_events *events, void *arg);
/* After a reset. NULL is fine. */
void redis_publisher_free(struct redis_publisher *pub);

void redis_publisher_connect(struct redis_publisher *pub, struct redis_conn *conn);
/* The connection is gone: fails all that waits for an answer. */
void redis_publisher_reset(struct redis_publisher *pub, plug_status status, const char *why);

/* As in plugboard/broker.h; only while connected. */
plug_status redis_publisher_publish(struct redis_publisher *pub, const struct plug_msg *msg,
                                    struct plug_op *op);
/* A command of the node's own, without limits. False: out of memory. */
bool redis_publisher_own(struct redis_publisher *pub, enum redis_own kind,
                         const struct plug_str *argv, size_t argc);
void redis_publisher_reply(struct redis_publisher *pub, const redisReply *reply);

/* Held messages, from redis_topics: sends them, or fails them. Both empty the list. */
void redis_publisher_release(struct redis_publisher *pub, struct redis_held_list *held);
void redis_publisher_drop(struct redis_publisher *pub, struct redis_held_list *held,
                          plug_status status, const char *why);

bool redis_publisher_idle(const struct redis_publisher *pub);

#endif
