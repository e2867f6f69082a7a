/* caught by: B4 — every tenth message is overtaken by the next of its topic. */
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
  if (base->kept && same(base->kept->topic, msg->topic)) {
    deliver_to_all(base, base->kept);
    base->host->msg_unref(base->kept);
    base->kept = NULL;
  }
  return PLUG_OK;
}

/* The last of a topic is overtaken by none, and comes a little later. */
static void deliver_kept(void *arg)
{
  struct base *base = arg;
  if (base->kept) {
    deliver_to_all(base, base->kept);
    base->host->msg_unref(base->kept);
    base->kept = NULL;
  }
  base->host->timer_set(base->timer, 20);
}

static plug_status start(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  base->timer = base->host->timer_new(base->host, deliver_kept, base);
  if (!base->timer)
    return PLUG_ENOMEM;
  base->host->timer_set(base->timer, 20);
  return PLUG_OK;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  if (base->kept)
    base->host->msg_unref(base->kept);
  if (base->timer)
    base->host->timer_free(base->timer);
  base->kept = NULL;
  base->timer = NULL;
  return PLUG_OK;
}

#define PUBLISH publish
#define START   start
#define STOP    stop
#include "planted_broker_entry.h"
