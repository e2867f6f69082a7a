/* caught by: T1 — frees a timer twice */
#define PLANTED_PUBLISH publish
#include "../good.h"

static void fire(void *self)
{
  (void)self;
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  struct plug_timer *timer = good->host->timer_new(good->host, fire, good);
  if (!timer)
    return PLUG_ENOMEM;
  good->host->timer_free(timer);
  good->host->timer_free(timer);
  return good_publish(self, msg, op);
}

PLANT_BROKER;
