/* caught by: B2 — a topic with a star in it, which is a name, is taken for a pattern. */
#include "planted_broker.h"

static plug_status subscribe(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op)
{
  struct base *base = self;
  plug_status status = base_subscribe(self, v, n, op);
  for (struct interest *i = base->interests; i; i = i->next)
    i->flags |= PLUG_INTEREST_PATTERN;
  return status;
}

#define SUBSCRIBE subscribe
#include "planted_broker_entry.h"
