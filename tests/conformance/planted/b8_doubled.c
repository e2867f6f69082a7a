/* caught by: B8 — with a backend: it keeps the interests of before, and takes them again, too */
#include "planted_net.h"

static void lose(struct net *net)
{
  struct interest *kept = net->base.interests;
  net->base.interests = NULL;
  base_lose(net);
  net->base.interests = kept;
}

#define LOSE lose
#include "planted_net_entry.h"
