/* caught by: B1 — a message is delivered twice under one interest. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)op;
  deliver_to_all(self, msg);
  deliver_to_all(self, msg);
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
