/* B4: every tenth message of a topic is overtaken by the next, although ORDERED is declared. */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  if (!base->kept && ++base->n_published % 10 == 0) {
    base->host->msg_ref(msg);
    base->kept = msg;
    return PLUG_OK;
  }
  deliver_to_all(base, msg);
  if (base->kept) {
    deliver_to_all(base, base->kept);
    base->host->msg_unref(base->kept);
    base->kept = NULL;
  }
  return PLUG_OK;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  if (base->kept)
    base->host->msg_unref(base->kept);
  return PLUG_OK;
}

#define PUBLISH publish
#define STOP    stop
#include "planted_broker_entry.h"
