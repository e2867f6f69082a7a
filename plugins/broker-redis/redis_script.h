/* The Lua scripts of presence and calls of them: a call is made once, sent as EVALSHA, and sent
 * again as EVAL if Redis does not know the script. A call owns its bytes; no I/O. [home]
 *
 * Every script follows the same rules: all keys are declared; the first write is one that a full
 * Redis refuses if the whole shall be refused then (joins), and one that it does not refuse if the
 * whole shall pass (leaves, leases); and what is published is published after the writes. */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include <stdint.h>

#include "redis_buf.h"

/* Keys, arguments, answer:
 *
 *   LEASE    leases, node's members | ttl, new name or "", earliest and latest time or "", a
 * channel that nobody listens to, names ... Renews the names, enters the new one after a rehearsal
 * of all that the others do, and condemns what is over if the time is within the bounds. {time,
 * replid, "1" or "0" for each name, {condemned ones, at most 16}} CONDEMN  leases | names ... They
 * are over now. APPLY    leases, node's members, then meta, users, infos of each group | name or
 * "", digits, then for each group J or L, topic, channel, count, and count times member, user, info
 * (J) or member (L). For each member "1" if it was not there (J), or was there (L), else "0", as
 * one string. Error NOLEASE: the name is given and its lease is over. PEEK     node's members | at
 * most Some of them. BURY     leases, node's members | name Members left; at none the lease goes,
 * too. */
enum redis_script {
  REDIS_SCRIPT_LEASE,
  REDIS_SCRIPT_CONDEMN,
  REDIS_SCRIPT_APPLY,
  REDIS_SCRIPT_PEEK,
  REDIS_SCRIPT_BURY,
  REDIS_N_SCRIPTS
};

enum { REDIS_SHA_LEN = 40 };

struct redis_scripts {
  char sha[REDIS_N_SCRIPTS][REDIS_SHA_LEN + 1];
};

/* False: there is no SHA-1 to be had. */
bool redis_scripts_init(struct redis_scripts *scripts);

/* How the keys and channels of a cluster begin. One hash tag for all keys, as they are used
 * together: in a Redis Cluster all of them are on one server.
 *
 *   BASE leases    sorted set: incarnation -> end of its lease in ms, 0: condemned
 *   BASE n: NAME   hash of an incarnation: member (see redis_change.h) -> user
 *   BASE u: TOPIC  hash: user -> number of members
 *   BASE i: TOPIC  hash: user -> info, if there is one
 *   BASE t: TOPIC  hash: e epoch, n offset, r replid of the server that began the epoch
 *   CHANNEL TOPIC  the changes */
struct redis_presence_names {
  struct plug_str base, channel;
};

/* text holds them. False: out of memory. */
bool redis_presence_names_make(struct redis_presence_names *names, struct redis_buf *text,
                               struct plug_str prefix);

struct redis_call {
  const struct redis_scripts *scripts;
  enum redis_script script;
  struct redis_buf bytes;
  struct redis_buf keys, args; /* arrays of lengths */
  struct redis_buf argv;       /* of the last redis_call_argv */
  char n_keys[24];
};

void redis_call_init(struct redis_call *call, const struct redis_scripts *scripts);
void redis_call_fini(struct redis_call *call);
/* Begins another one; the bytes of the last one are gone. */
void redis_call_start(struct redis_call *call, enum redis_script script);
/* In any order; each list keeps its own. */
void redis_call_key(struct redis_call *call, struct plug_str a, struct plug_str b,
                    struct plug_str c);
void redis_call_arg(struct redis_call *call, struct plug_str arg);
void redis_call_arg2(struct redis_call *call, struct plug_str a, struct plug_str b);
void redis_call_arg_number(struct redis_call *call, uint64_t number);
/* The keys of a group of APPLY, and its arguments but for the members. */
void redis_call_group(struct redis_call *call, const struct redis_presence_names *names, bool join,
                      struct plug_str topic, size_t count);
/* The command; lives until the call changes. NULL: out of memory, now or before. */
const struct plug_str *redis_call_argv(struct redis_call *call, bool whole, size_t *argc);

/* What an error of a script comes down to, whatever the server has put around it. */
struct plug_str redis_script_error(struct plug_str error);
/* Refused before anything was written. */
bool redis_script_was_refused(struct plug_str error);

#endif
