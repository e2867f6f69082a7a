/* caught by: B17 — with a backend: it completes a publish when its echo comes, however long that takes */
#include "planted_net.h"

struct waiting {
  struct waiting *next;
  struct plug_op *op;
  uint64_t id;
};
static struct waiting *waiting;

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct waiting *one = calloc(1, sizeof *one);
  plug_status status = one ? net_publish(self, msg, op) : PLUG_ENOMEM;
  if (status != PLUG_OK || !op) {
    free(one);
    return status;
  }
  *one = (struct waiting){waiting, op, msg->id};
  waiting = one;
  return PLUG_PENDING;
}

static void finish(struct net *net, uint64_t id, plug_status status)
{
  for (struct waiting **at = &waiting; *at;) {
    struct waiting *one = *at;
    if (id && one->id != id) {
      at = &one->next;
      continue;
    }
    *at = one->next;
    net->base.host->op_done(one->op, status, text_of(""));
    free(one);
  }
}

static void arrive(struct net *net, const struct plug_msg *msg)
{
  if (msg)
    finish(net, msg->id, PLUG_OK);
  base_arrive(net, msg);
}

static void lose(struct net *net)
{
  finish(net, 0, PLUG_EUNAVAIL);
  base_lose(net);
}

#define PUBLISH publish
#define ARRIVE  arrive
#define LOSE    lose
#include "planted_net_entry.h"
