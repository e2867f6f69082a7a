/* caught by: B9 — a delivery that is answered with EAGAIN, which has arrived, is made once more. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (const struct interest *i = base->interests; i; i = i->next)
    if (wants(i, msg->topic) && base->host->broker->deliver(base->host, i->id, msg) == PLUG_EAGAIN)
      base->host->broker->deliver(base->host, i->id, msg);
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
