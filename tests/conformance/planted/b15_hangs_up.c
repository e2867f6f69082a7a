/* caught by: B15 — with a backend: a message that cannot be decoded costs the connection */
#include "planted_net.h"

static void arrive(struct net *net, const struct plug_msg *msg)
{
  if (msg)
    base_arrive(net, msg);
  else
    base_lose(net);
}

#define ARRIVE arrive
#include "planted_net_entry.h"
