/* SPDX-License-Identifier: MIT
 *
 * check_node.h: a broker's node in the kit: an instance with the interests that it was given, which
 * are given to it again when it reports that they are lost, as the server does. Counts what arrives
 * for which interest, by payload. Owns the instance. The check's thread. */
#ifndef SDK_CHECK_NODE_H
#define SDK_CHECK_NODE_H

#include "check_host.h"

struct check_want {
  uint64_t id, flags;
  char *topic;
  bool gone; /* unsubscribed, or never taken */
};

struct check_node {
  struct check_run *run;
  struct check_host *host;
  struct check_want *wants;
  size_t n_wants;
  size_t n_lost;      /* reports that interests are lost */
  size_t n_states[3]; /* reports of each state */
  size_t n_to_replay; /* of wants, those that have been lost */
  bool must_replay;
  uint64_t wall_ms;
};

/* The instances that a check looks at together: messages go in at the first, and come out at the
 * last. They are one and the same where a broker gives a node its own messages back. */
struct check_pair {
  struct check_run *run;
  struct check_node *nodes[2];
  size_t n;
  struct check_node *from, *to;
};

/* Created and started, until it is up. overrides: as for check_try_create. */
struct check_node *check_node_start(struct check_run *run, const char *name,
                                    const char *const *overrides);
/* The same, made as the kit's host lets it be made; seen of making is the node's own. */
struct check_node *check_node_make(struct check_run *run, const char *name,
                                   const struct check_making *making);
/* Drained, stopped, destroyed, freed; a breach of kinds fails the check. */
void check_node_end(struct check_node *node, unsigned kinds);
/* The same without the node's own outcome being looked at. */
void check_node_free(struct check_node *node);

/* Does not apply to a broker that gives nothing back and has no other nodes. */
void check_pair_start(struct check_run *run, struct check_pair *pair);
/* Two nodes; does not apply without CAP_CROSS_NODE. */
void check_pair_start_two(struct check_run *run, struct check_pair *pair);
void check_pair_end(struct check_pair *pair);

/* Subscribes in one batch, which must succeed; the number of the first in wants. What topics point
 * to is taken back from the plugin when it is done. */
size_t check_node_want(struct check_node *node, const char *const *topics, size_t n,
                       uint64_t flags);
size_t check_node_want_one(struct check_node *node, const char *topic, uint64_t flags);
plug_status check_node_try_want(struct check_node *node, const char *const *topics, size_t n,
                                uint64_t flags);
void check_node_unwant(struct check_node *node, size_t first, size_t n);

/* Waits for the outcome. */
plug_status check_node_publish(struct check_node *node, const char *topic, const char *payload);

/* Runs the loops of all, once. */
void check_nodes_turn(struct check_node *const *nodes, size_t n);
/* Until done(arg), for at most so long; false: it was not. */
bool check_nodes_until(struct check_node *const *nodes, size_t n, bool (*done)(void *arg),
                       void *arg, unsigned limit_ms);
/* Until nothing more can come: where there is no backend, as soon as nothing is left to do. */
void check_nodes_settle(struct check_node *const *nodes, size_t n);

/* Is delivery number i one for this interest? */
bool check_node_is_for(const struct check_node *node, size_t want, size_t i);
/* How often a payload has come for an interest. */
size_t check_node_count(const struct check_node *node, size_t want, struct plug_str payload);
/* Runs until it has come, or 10 s; then until nothing more comes. How often it has. */
size_t check_pair_await(struct check_pair *pair, size_t want, const char *payload);
/* The check fails unless every payload "PREFIX N", N below n, has come exactly once for an interest
 * of the last node. */
void check_pair_await_all(struct check_pair *pair, size_t want, const char *prefix, size_t n);
/* Fails the check on a delivery under the interest of another topic, or one that was never given.
 */
void check_node_judge(const struct check_node *node);

#endif
