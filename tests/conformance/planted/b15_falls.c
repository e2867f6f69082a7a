/* caught by: B15 — with a backend: a message that cannot be decoded is looked at all the same */
#include "planted_net.h"

static void arrive(struct net *net, const struct plug_msg *msg)
{
  net->base.n_health += ((const volatile struct plug_msg *)msg)->flags;
  base_arrive(net, msg);
}

#define ARRIVE arrive
#include "planted_net_entry.h"
