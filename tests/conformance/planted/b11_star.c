/* B11: a star matches across segments. */
#include "planted_broker.h"

static int loose(const char *p, const char *p_end, const char *t, const char *t_end)
{
  if (p == p_end)
    return t == t_end;
  if (*p == '*')
    return loose(p + 1, p_end, t, t_end) || (t < t_end && loose(p, p_end, t + 1, t_end));
  return t < t_end && (*p == '?' || *p == *t) && loose(p + 1, p_end, t + 1, t_end);
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  struct plug_str t = msg->topic;
  (void)op;
  for (const struct interest *i = base->interests; i; i = i->next)
    if (wants(i, t) || ((i->flags & PLUG_INTEREST_PATTERN) &&
                        loose(i->topic.ptr, i->topic.ptr + i->topic.len, t.ptr, t.ptr + t.len)))
      base->host->broker->deliver(base->host, i->id, msg);
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
