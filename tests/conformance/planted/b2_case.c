/* caught by: B2 — topics that differ by the case of their letters are taken for one. */
#include "planted_broker.h"

#include <strings.h>

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (const struct interest *i = base->interests; i; i = i->next)
    if (wants(i, msg->topic) || (i->topic.len == msg->topic.len &&
                                 strncasecmp(i->topic.ptr, msg->topic.ptr, msg->topic.len) == 0))
      base->host->broker->deliver(base->host, i->id, msg);
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
