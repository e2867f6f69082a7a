/* caught by: B8 — with a backend: of the interests that are replayed it takes the first only */
#include "planted_net.h"

static plug_status subscribe(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op)
{
  struct net *net = self;
  return net_subscribe(self, v, net->base.refused && n > 1 ? 1 : n, op);
}

static void again(void *arg)
{
  struct net *net = arg;
  net->base.refused = 1;
  base_again(net);
}

#define SUBSCRIBE subscribe
#define RETRY     again
#include "planted_net_entry.h"
