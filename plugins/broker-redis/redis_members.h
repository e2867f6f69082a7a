/* Joins and leaves that wait for Redis: operations of the server into calls of the APPLY script and
 * its answers back to them. One call is under way at a time and takes along what has gathered, so
 * that the order holds whatever happens to a call, and many small operations cost no more than a
 * large one. Owns the queue; the members are the server's. No I/O. [home] */
#ifndef REDIS_MEMBERS_H
#define REDIS_MEMBERS_H

#include <hiredis/hiredis.h>
#include <plugboard/ext/presence.h>

#include "redis_env.h"
#include "redis_error.h"
#include "redis_script.h"

enum {
  /* About two milliseconds of Redis' time. */
  REDIS_MEMBERS_PER_CALL = 200,
  REDIS_MEMBERS_CALL_BYTES = 256 << 10, /* and one member more, at most */
  REDIS_MEMBERS_MAX_STR = 64 << 10,     /* of a topic, member, user or info */
};

struct redis_member_op;

struct redis_members {
  const struct redis_env *env;
  struct redis_presence_names names;
  size_t max_ops;
  struct redis_member_op *head, *tail;
  size_t n_ops;
  bool apart; /* joins and leaves go in calls of their own, since a mixed one was refused */
};

void redis_members_init(struct redis_members *members, const struct redis_env *env,
                        const struct redis_presence_names *names, size_t max_ops);

/* PLUG_PENDING, or why not. */
plug_status redis_members_add(struct redis_members *members, bool join, const struct plug_member *v,
                              size_t n, struct plug_op *op);
bool redis_members_idle(const struct redis_members *members);
/* Makes the next call under that name of the node. Not when idle. */
void redis_members_fill(struct redis_members *members, struct redis_call *call,
                        struct plug_str name);

enum redis_members_result {
  REDIS_MEMBERS_OK,   /* also if operations have failed */
  REDIS_MEMBERS_OVER, /* the lease is over */
  REDIS_MEMBERS_LOST, /* nobody knows what is written and what not */
};

/* The answer to the call. In the latter two cases redis_members_fail is to follow. */
enum redis_members_result redis_members_take(struct redis_members *members,
                                             const redisReply *reply);
/* Fails all operations. */
void redis_members_fail(struct redis_members *members, plug_status status, const char *why);

#endif
