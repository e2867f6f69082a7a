/* caught by: B8 — with a backend: the last message that had gone out is sent once more */
#include "planted_net.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct net *net = self;
  plug_status status = net_publish(self, msg, op);
  if (status != PLUG_OK)
    return status;
  if (net->last)
    net->base.host->msg_unref(net->last);
  net->base.host->msg_ref(msg);
  net->last = msg;
  return PLUG_OK;
}

static plug_status subscribe(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op)
{
  struct net *net = self;
  plug_status status = net_subscribe(self, v, n, op);
  if (status == PLUG_OK && net->base.refused && net->last)
    net_send(net, net->base.host->msg_encode(net->last));
  net->base.refused = 0;
  return status;
}

static void again(void *arg)
{
  struct net *net = arg;
  net->base.refused = 1;
  base_again(net);
}

#define PUBLISH   publish
#define SUBSCRIBE subscribe
#define RETRY     again
#include "planted_net_entry.h"
