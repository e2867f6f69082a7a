/* Is this server one through which messages reach all nodes? Judges what it answers to ROLE, at the
 * login and later, again and again: a master that is demoted keeps its connections, and takes
 * messages that nobody else hears. A replica is fine in a Redis Cluster, where any node passes
 * messages on to all. Owns nothing, no I/O, any thread. */
#ifndef REDIS_ROLE_H
#define REDIS_ROLE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "redis_error.h"

enum redis_role {
  REDIS_ROLE_ANY,    /* not asked for */
  REDIS_ROLE_MASTER, /* no replica and no Sentinel; who does not let us ask is believed */
  REDIS_ROLE_PROVEN, /* a master that says so */
};

enum redis_verdict {
  REDIS_ROLE_FITS,
  REDIS_ROLE_ASK_INFO, /* send REDIS_INFO_COMMAND, and give the answer to redis_role_info */
  REDIS_ROLE_WRONG,    /* why says so */
};

/* What is known of one connection's server. Zero, with expected set, before the login. */
struct redis_role_watch {
  enum redis_role expected;
  bool logged_in;  /* what it says from now on is news */
  bool mute;       /* it does not let us ask: no use in asking again */
  bool in_cluster; /* of a Redis Cluster */
  plug_status status;
  char why[REDIS_WHY_MAX]; /* for REDIS_ROLE_WRONG, and meanwhile */
};

/* Is there something to ask? */
bool redis_role_asks(const struct redis_role_watch *watch);
/* Takes the answer to ROLE. */
enum redis_verdict redis_role_answer(struct redis_role_watch *watch, const redisReply *reply);
/* Takes the answer to INFO cluster. Never REDIS_ROLE_ASK_INFO. */
enum redis_verdict redis_role_info(struct redis_role_watch *watch, const redisReply *reply);

#endif
