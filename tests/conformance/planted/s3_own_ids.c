/* caught by: S3 — with a backend: each instance gives messages ids of its own */
#include "planted_net.h"

static void arrive(struct net *net, const struct plug_msg *msg)
{
  if (!msg)
    return;
  deliver_instead(&net->base, altered(&net->base, msg, msg->topic, msg->payload));
  net->base.host->msg_unref(msg);
}

#define ARRIVE arrive
#include "planted_net_entry.h"
