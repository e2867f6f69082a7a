/* caught by: B2 — whoever wants a topic gets those, too, that begin like it. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (const struct interest *i = base->interests; i; i = i->next)
    if (wants(i, msg->topic) || (!i->flags && i->topic.len < msg->topic.len &&
                                 memcmp(i->topic.ptr, msg->topic.ptr, i->topic.len) == 0))
      base->host->broker->deliver(base->host, i->id, msg);
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
