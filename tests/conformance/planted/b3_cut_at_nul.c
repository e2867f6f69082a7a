/* caught by: B3 — a payload ends at its first NUL. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct plug_str payload = msg->payload;
  const char *nul = payload.len ? memchr(payload.ptr, '\0', payload.len) : NULL;
  if (!nul)
    return base_publish(self, msg, op);
  payload.len = (size_t)(nul - payload.ptr);
  deliver_instead(self, altered(self, msg, msg->topic, payload));
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
