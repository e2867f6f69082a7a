/* caught by: B11 — two stars do not stand for no segment at all. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (const struct interest *i = base->interests; i; i = i->next) {
    size_t len = i->topic.len;
    int ends_so = len > 3 && memcmp(i->topic.ptr + len - 3, "/**", 3) == 0;
    if (wants(i, msg->topic) && !(ends_so && msg->topic.len == len - 3))
      base->host->broker->deliver(base->host, i->id, msg);
  }
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
