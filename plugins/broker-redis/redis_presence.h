/* Presence at Redis: the extension "plug.broker.presence/1". Joins the lease of this node, the
 * queue of joins and leaves, lists, and the reaping of dead nodes into one line of commands, of
 * which one is under way at a time, and hands changes to the server. It uses the connections that
 * messages use. Until the server asks for something it sends nothing, so that whoever does without
 * presence needs no rights for it. [home] but for the create part
 *
 *   connect ──► enter a new name ──► lost() ──► joins ... ──► restored() ──► condemn the old names
 *      ▲              ▲                                                            │
 *   disconnect        └──── the lease is over, or the server is another ───── renew, reap ...
 */
#ifndef REDIS_PRESENCE_H
#define REDIS_PRESENCE_H

#include <plugboard/ext/presence.h>

#include "redis_publish.h"

struct redis_presence_config {
  struct plug_str prefix;
  uint64_t ttl_ms, renew_ms;
  size_t max_ops; /* of a kind, that wait */
};

struct redis_presence_events {
  /* The connection is of no more use. Calls redis_presence_disconnect. */
  void (*broken)(void *arg, const char *why);
  /* Something has been finished: perhaps redis_presence_drain is through. */
  void (*progress)(void *arg);
};

struct redis_presence;

/* [create] pub and topics are used while connected. NULL: out of memory, or the host has no
 * presence; *none tells which. */
struct redis_presence *redis_presence_new(const struct redis_env *env,
                                          const struct redis_presence_config *config,
                                          struct redis_publisher *pub, struct redis_topics *topics,
                                          const struct redis_presence_events *events, void *arg,
                                          bool *none);
/* After redis_presence_stop. All functions below do nothing for NULL. */
void redis_presence_free(struct redis_presence *presence);

/* The link is up. Calls the server. */
void redis_presence_connect(struct redis_presence *presence);
/* The link is gone: fails all operations. */
void redis_presence_disconnect(struct redis_presence *presence, plug_status status,
                               const char *why);
void redis_presence_stop(struct redis_presence *presence); /* for good */
/* True when all is answered and this node has nothing at Redis any more. */
bool redis_presence_drain(struct redis_presence *presence);

/* The reply to a command of kind REDIS_OWN_PRESENCE. */
void redis_presence_reply(struct redis_presence *presence, const redisReply *reply);
/* Redis has answered to redis_topics_listen; answers come in order. */
void redis_presence_listens(struct redis_presence *presence, plug_status status, const char *why);
/* A message on a channel that is no topic's. False: not one of presence. */
bool redis_presence_hear(struct redis_presence *presence, struct plug_str channel,
                         struct plug_str message);

/* The operations of the extension. */
plug_status redis_presence_join(struct redis_presence *presence, bool join,
                                const struct plug_member *v, size_t n, struct plug_op *op);
plug_status redis_presence_watch(struct redis_presence *presence, struct plug_str topic,
                                 struct plug_op *op);
void redis_presence_unwatch(struct redis_presence *presence, struct plug_str topic);
plug_status redis_presence_list(struct redis_presence *presence, struct plug_str topic,
                                struct plug_op *op);
void redis_presence_restored(struct redis_presence *presence);

#endif
