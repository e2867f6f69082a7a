/* caught by: B11 — two stars that are not at the end stand for one segment. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (const struct interest *i = base->interests; i; i = i->next) {
    char narrow[64];
    size_t n = 0;
    for (size_t k = 0; k < i->topic.len && n + 1 < sizeof narrow; k++)
      if (memcmp(i->topic.ptr + k, "*", 1) != 0 || k + 2 >= i->topic.len || n == 0 ||
          narrow[n - 1] != '*')
        narrow[n++] = i->topic.ptr[k];
    if (wants(i, msg->topic) &&
        (!i->flags || matches(narrow, narrow + n, msg->topic.ptr, msg->topic.ptr + msg->topic.len)))
      base->host->broker->deliver(base->host, i->id, msg);
  }
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
