/* caught by: B9 — once paused by flow it does not deliver any more. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  return base->paused ? PLUG_OK : base_publish(self, msg, op);
}

static void flow(void *self, int32_t paused)
{
  struct base *base = self;
  base->paused |= paused;
}

#define PUBLISH publish
#define FLOW    flow
#include "planted_broker_entry.h"
