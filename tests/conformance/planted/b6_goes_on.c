/* caught by: B6 — what is published after an unsubscribe has completed is delivered under its interest. */
#include "planted_broker.h"

static plug_status unsubscribe(void *self, const struct plug_interest *v, size_t n,
                               struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

#define UNSUBSCRIBE unsubscribe
#include "planted_broker_entry.h"
