/* What nodes tell each other about sessions: a message to a topic that every worker of every node
 * listens to, by the broker and so over the same way as what it is about. Whoever may publish at
 * the broker's backend is believed. A worker's part belongs to its net_env. Worker's thread only.
 */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "api/api_order.h"
#include "net/timers.h"

struct net_env;
struct session_waiter;

struct control {
  struct timer retry; /* the broker would not have the interest */
};

void control_start(struct net_env *env);

/* Tells all nodes, this one among them, something that is no order: for net_hooks.heard. As
 * session_publish without a waiter. */
plug_status control_tell(struct net_env *env, struct plug_str json);

/* Carries it out on all nodes, this one among them: as session_publish. */
plug_status control_give_order(struct net_env *env, const struct api_order *order,
                               struct session_waiter *waiter);

#endif
