/* caught by: B3 — bytes over 127 are not carried as they are. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  if (!(msg->flags & PLUG_MSG_BINARY))
    return base_publish(self, msg, op);
  char *copy = malloc(msg->payload.len + 1);
  if (!copy)
    return PLUG_ENOMEM;
  for (size_t i = 0; i < msg->payload.len; i++)
    copy[i] = (char)(msg->payload.ptr[i] & 0x7F);
  deliver_instead(self, altered(self, msg, msg->topic, (struct plug_str){copy, msg->payload.len}));
  free(copy);
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
