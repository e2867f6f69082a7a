/* caught by: B8 — with a backend: a second try to connect is not followed by a third */
#include "planted_net.h"

static void again(void *arg)
{
  struct net *net = arg;
  const struct plug_host *host = net->base.host;
  if (net_connect(net))
    host->broker->state(host, PLUG_STATE_UP, PLUG_INTERESTS_LOST, text_of("the backend is back"));
}

#define RETRY again
#include "planted_net_entry.h"
