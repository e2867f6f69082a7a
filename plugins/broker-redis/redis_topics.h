/* What this node wants from Redis, and what it gets: interests to SUBSCRIBE and PSUBSCRIBE commands
 * in batches, their confirmations, and messages to the host under the id of the interest they came
 * by. Several Ant patterns may share one glob, and several spellings of a topic one channel: each
 * is subscribed once. Owns the map of channels and the batches under way; it forgets all of it when
 * the connection is lost. [home] */
#ifndef REDIS_TOPICS_H
#define REDIS_TOPICS_H

#include <plugboard/broker.h>

#include "redis_conn.h"
#include "redis_map.h"

/* None is called from inside redis_topics_reset except drop. */
struct redis_topics_events {
  void (*own_ready)(void *arg); /* the node's own channels are subscribed */
  void (*own_message)(void *arg, struct plug_str channel, struct plug_str payload);
  /* The channel of these held publishes is settled: send them, in order. Empties the list. */
  void (*release)(void *arg, struct redis_held_list *held);
  /* They will never be sent: fail them. Empties the list. */
  void (*drop)(void *arg, struct redis_held_list *held, plug_status status, const char *why);
  /* The connection is of no more use. Calls redis_topics_reset. */
  void (*broken)(void *arg, const char *why);
  /* The answer to redis_topics_listen(..., true), in order. */
  void (*listens)(void *arg, plug_status status, const char *why);
};

struct redis_topics;

/* prefix is borrowed. NULL: out of memory. */
struct redis_topics *redis_topics_new(const struct redis_env *env, struct plug_str prefix,
                                      const struct redis_topics_events *events, void *arg);
/* After a reset. NULL is fine. */
void redis_topics_free(struct redis_topics *topics);

/* A fresh connection: subscribes own[0..n), which answers with own_ready. False: out of memory. */
bool redis_topics_connect(struct redis_topics *topics, struct redis_conn *conn,
                          const struct plug_str *own, size_t n);
/* The connection is gone: fails what is under way and forgets all interests. */
void redis_topics_reset(struct redis_topics *topics, plug_status status, const char *why);

/* As in plugboard/broker.h; only while connected. */
plug_status redis_topics_subscribe(struct redis_topics *topics, const struct plug_interest *v,
                                   size_t n, struct plug_op *op);
plug_status redis_topics_unsubscribe(struct redis_topics *topics, const struct plug_interest *v,
                                     size_t n, struct plug_op *op);

/* From now on, or no longer, what is published on the channel comes by own_message; it is none of a
 * topic. Only while connected. False: out of memory. */
bool redis_topics_listen(struct redis_topics *topics, struct plug_str channel, bool on);

/* Takes whatever arrived on the connection. */
void redis_topics_received(struct redis_topics *topics, const redisReply *reply);

/* Where a publish to that channel has to wait; NULL: it need not. */
struct redis_held_list *redis_topics_hold(struct redis_topics *topics, struct plug_str channel);

/* No batch is under way. */
bool redis_topics_idle(const struct redis_topics *topics);

#endif
