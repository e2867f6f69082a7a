/* caught by: B3 — a payload of exactly max_payload bytes is refused. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  return msg->payload.len >= 4096 ? PLUG_ETOOBIG : base_publish(self, msg, op);
}

#define MAX_PAYLOAD 4096
#define PUBLISH     publish
#include "planted_broker_entry.h"
