/* caught by: B8 — with a backend: it comes back without saying that the interests are lost */
#include "planted_net.h"

static void lose(struct net *net)
{
  const struct plug_host *host = net->base.host;
  net_hang_up(net);
  forget_interests(&net->base);
  host->broker->state(host, PLUG_STATE_DOWN, 0, text_of("the backend has gone"));
  host->timer_set(net->retry, NET_RETRY_MS);
}

static void again(void *arg)
{
  struct net *net = arg;
  const struct plug_host *host = net->base.host;
  if (net_connect(net))
    host->broker->state(host, PLUG_STATE_UP, 0, text_of("the backend is back"));
  else
    host->timer_set(net->retry, NET_RETRY_MS);
}

#define LOSE  lose
#define RETRY again
#include "planted_net_entry.h"
