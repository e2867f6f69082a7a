/* The lease of a node: under which names its members are kept at Redis, whether they still are, and
 * when this node may declare others dead. Decides only, by the times it is given: no I/O. [home]
 *
 * A node keeps its members under the name of an INCARNATION, whose lease it renews. A lease ends by
 * being condemned, once and for good; one that has merely run out is still renewed, so that nobody
 * dies of a Redis that stood still. Whenever members may be missing at Redis the node takes another
 * name and joins all of them again; the OLD names are renewed too until that is done, so that no
 * user is seen to leave meanwhile, and are then condemned.
 *
 * Nobody is condemned while the clock of Redis and ours do not go together, nor for the length of a
 * lease after they did not, or after Redis was away: the others could not renew theirs. */
#ifndef REDIS_LEASE_H
#define REDIS_LEASE_H

#include "redis_buf.h"

enum {
  REDIS_LEASE_NAME = 192, /* with its NUL */
  REDIS_LEASE_REPLID = 48,
  REDIS_LEASE_MAX_OLD = 8,
};

struct redis_lease {
  const char *node;
  uint64_t ttl_ms, slack_ms;
  char name[REDIS_LEASE_NAME];                     /* empty: none */
  char old[REDIS_LEASE_MAX_OLD][REDIS_LEASE_NAME]; /* the newest last */
  bool old_used[REDIS_LEASE_MAX_OLD];
  size_t n_old;
  bool used; /* members have been joined under the name, or may have been; set by the owner */
  char replid[REDIS_LEASE_REPLID]; /* of the server that has the name */
  uint64_t server_ms; /* its clock at some time from sent_ms to answered_ms; 0: not known */
  uint64_t sent_ms, answered_ms;
  uint64_t calm_ms; /* when others may be condemned again */
};

enum redis_lease_verdict {
  REDIS_LEASE_HELD,
  REDIS_LEASE_OVER,    /* it has been condemned */
  REDIS_LEASE_STRANGE, /* it is held, but by a server that may have lost members */
};

/* What Redis said to a renewal. */
struct redis_lease_answer {
  uint64_t server_ms;
  struct plug_str replid;
  struct plug_str alive; /* a digit for name, if it was renewed, and for each old one, in order */
};

/* node is borrowed. */
void redis_lease_init(struct redis_lease *lease, const char *node, uint64_t ttl_ms,
                      uint64_t renew_ms);
/* A connection is there: what was known of clocks is not valid any more. */
void redis_lease_connect(struct redis_lease *lease, uint64_t now_ms);
/* Another name, made of nonce; the one so far becomes an old one, unless it has been condemned. Of
 * too many old ones one is left to run out: one that has no members, or else the second, since the
 * first is the last one that had all. */
void redis_lease_rename(struct redis_lease *lease, uint64_t nonce, bool condemned);
/* Between which times of Redis others may be condemned now; false: they may not. */
bool redis_lease_bounds(const struct redis_lease *lease, uint64_t now_ms, uint64_t *from_ms,
                        uint64_t *to_ms);
/* entered: the name was entered with this answer and not renewed. sent_ms: when it was asked. */
enum redis_lease_verdict redis_lease_take(struct redis_lease *lease,
                                          const struct redis_lease_answer *answer, bool entered,
                                          uint64_t sent_ms, uint64_t now_ms);

#endif
