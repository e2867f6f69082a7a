/* caught by: B3 — a message without a payload is swallowed. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  return msg->payload.len ? base_publish(self, msg, op) : PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
