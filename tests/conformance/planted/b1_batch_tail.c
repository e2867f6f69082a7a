/* caught by: B1 — of a batch of interests the last is forgotten. */
#include "planted_broker.h"

static plug_status subscribe(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op)
{
  return base_subscribe(self, v, n > 1 ? n - 1 : n, op);
}

#define SUBSCRIBE subscribe
#include "planted_broker_entry.h"
