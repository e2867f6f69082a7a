/* caught by: B14 — with a backend: what comes from another node is made anew, as if it were of this one; also fails: B1 */
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
