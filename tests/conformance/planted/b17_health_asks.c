/* caught by: B17 — with a backend: health asks it, and waits for the answer */
#include "planted_net.h"

static void health(void *self, struct plug_health *out)
{
  struct net *net = self;
  struct pollfd fd = {net->fd, POLLIN, 0};
  net_health(self, out);
  if (net->fd >= 0 && net_send(net, (struct plug_str){"", 0}) == PLUG_OK)
    poll(&fd, 1, 2000);
}

#define HEALTH health
#include "planted_net_entry.h"
