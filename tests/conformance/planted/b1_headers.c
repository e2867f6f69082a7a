/* caught by: B1 — the headers of a message do not arrive. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = msg->topic,
                               .content_type = msg->content_type,
                               .payload = msg->payload};
  deliver_instead(base, base->host->msg_make(base->host, &init));
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
