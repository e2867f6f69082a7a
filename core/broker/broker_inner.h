/* The broker from within: what broker.c, which stands for whichever engine is at work, and
 * broker_swap.c, which puts another one in its place, share. Private to these. */
#ifndef BROKER_BROKER_INNER_H
#define BROKER_BROKER_INNER_H

#include <stdatomic.h>

#include "broker/broker.h"
#include "broker/gate.h"
#include "broker/interest_group.h"

/* Where messages go. Never changed while somebody may look at it. */
struct broker_route {
  struct engine *first;  /* answers, and is what the broker is said to be */
  struct engine *second; /* is given everything too; NULL: there is none */
};

#define BROKER_ROUTES 4 /* more than may be looked at: there are quiet points between changes */

struct broker {
  const struct broker_route *_Atomic route;
  struct broker_route routes[BROKER_ROUTES];
  unsigned n_routes; /* that were ever set */
  struct broker_settings settings;
  struct interest_group group;
  struct loop *loop;
  struct loop_task changes_task;
  _Atomic int changes_posted;
  struct gate *gate; /* NULL: there was never a swap */
  unsigned slot;     /* of the engine at work */
  bool gated;        /* the gate is not off */
  struct engine *candidate, *former;
};

static inline const struct broker_route *broker_route(const struct broker *broker)
{
  return atomic_load_explicit(&broker->route, memory_order_acquire);
}

void broker_set_route(struct broker *broker, struct engine *first, struct engine *second);

#endif
