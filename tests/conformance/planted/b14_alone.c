/* caught by: B14 — with a backend: what another node has published is dropped */
#include "planted_net.h"

static void arrive(struct net *net, const struct plug_msg *msg)
{
  if (msg && same(msg->origin, text_of(net->base.host->node)))
    deliver_to_all(&net->base, msg);
  if (msg)
    net->base.host->msg_unref(msg);
}

#define ARRIVE arrive
#include "planted_net_entry.h"
