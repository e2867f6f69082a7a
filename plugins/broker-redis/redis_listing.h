/* Who is in a topic: the server's list operations, one after the other. First the size is asked
 * for, then infos and users between two looks at the position: sent together they are worked off
 * together, and if the positions are not the same, which is rare, all is asked again. (MULTI is
 * refused by a full Redis; a script takes seven times as long.) Owns the queue and what has come so
 * far. No I/O but through the sink it is given. [home] */
#ifndef REDIS_LISTING_H
#define REDIS_LISTING_H

#include <hiredis/hiredis.h>
#include <plugboard/ext/presence.h>

#include "redis_env.h"
#include "redis_error.h"
#include "redis_script.h"

/* A reply is one array of twice as many elements, held in memory. */
enum { REDIS_LISTING_MAX_USERS = 100000 };

struct redis_listing_op;

/* A copy of a hash: replies are borrowed. */
struct redis_listing_pairs {
  struct redis_buf bytes, spans; /* spans: two lengths each */
  size_t n;
};

struct redis_listing {
  const struct redis_env *env;
  const struct plug_broker_presence_up *up;
  struct redis_presence_names names;
  size_t max_ops;
  struct redis_listing_op *head, *tail;
  size_t n_ops;
  struct redis_buf users_key, infos_key, meta_key;
  unsigned n_taken; /* replies to the commands under way */
  struct plug_position before;
  struct redis_listing_pairs infos, users;
  plug_status status; /* of the first error among them */
  char why[REDIS_WHY_MAX];
};

/* False: out of memory. */
typedef bool (*redis_listing_send_fn)(void *arg, const struct plug_str *argv, size_t argc);

void redis_listing_init(struct redis_listing *listing, const struct redis_env *env,
                        const struct plug_broker_presence_up *up,
                        const struct redis_presence_names *names, size_t max_ops);
void redis_listing_fini(struct redis_listing *listing); /* after redis_listing_fail */

plug_status redis_listing_add(struct redis_listing *listing, struct plug_str topic,
                              struct plug_op *op);
bool redis_listing_idle(const struct redis_listing *listing);
/* Sends what the first one needs next. *n_replies: how many replies come, each to be given to
 * redis_listing_take. False: out of memory. Not when idle. */
bool redis_listing_next(struct redis_listing *listing, redis_listing_send_fn send, void *arg,
                        size_t *n_replies);
void redis_listing_take(struct redis_listing *listing, const redisReply *reply);
void redis_listing_fail(struct redis_listing *listing, plug_status status, const char *why);

#endif
