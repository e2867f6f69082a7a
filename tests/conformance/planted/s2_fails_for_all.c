/* caught by: S2 — a start that fails for want of memory ends the other instances. */
#include "planted_broker.h"

static int failed;

static void ring(void *arg)
{
  (void)arg;
}

static plug_status start(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  base->timer = base->host->timer_new(base->host, ring, base);
  failed = !base->timer;
  return base->timer ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  if (base->timer)
    base->host->timer_free(base->timer);
  base->timer = NULL;
  return PLUG_OK;
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  return failed ? PLUG_ESTATE : base_publish(self, msg, op);
}

#define START   start
#define STOP    stop
#define PUBLISH publish
#include "planted_broker_entry.h"
