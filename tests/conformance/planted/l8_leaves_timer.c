/* caught by: L8 — leaves a timer of the first publish */
#define PLANTED_PUBLISH publish
#include "../good.h"

static void fire(void *self)
{
  (void)self;
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  if (!good->spare)
    good->spare = good->host->timer_new(good->host, fire, good);
  return good_publish(self, msg, op);
}

PLANT_BROKER;
