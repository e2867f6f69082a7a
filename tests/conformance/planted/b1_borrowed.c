/* caught by: B1 — the interests of a batch are looked at after subscribe has returned. */
#include "planted_broker.h"

/* Their ids are kept, their topics only pointed to. */
static plug_status subscribe(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op)
{
  struct base *base = self;
  plug_status status = base_subscribe(self, v, n, op);
  size_t k = n;
  if (status == PLUG_OK)
    for (struct interest *i = base->interests; i && k > 0; i = i->next)
      i->topic = v[--k].topic;
  return status;
}

#define SUBSCRIBE subscribe
#include "planted_broker_entry.h"
