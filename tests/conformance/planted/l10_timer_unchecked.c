/* caught by: L10 — uses a timer that it may not have got */
#define PLANTED_PUBLISH publish
#include "../good.h"

static void fire(void *self)
{
  (void)self;
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  if (!good->timer)
    good->timer = good->host->timer_new(good->host, fire, good);
  good->host->timer_set(good->timer, 1000);
  return good_publish(self, msg, op);
}

PLANT_BROKER;
