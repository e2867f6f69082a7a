/* caught by: B8 — with a backend: that its connection has gone it tells nobody */
#include "planted_net.h"

static void lose(struct net *net)
{
  net_hang_up(net);
  forget_interests(&net->base);
  net->base.host->timer_set(net->retry, NET_RETRY_MS);
}

#define LOSE lose
#include "planted_net_entry.h"
