/* caught by: T2 — calculates for long in a timer */
#define PLANTED_START start
#include "../good.h"

static void fire(void *self)
{
  struct good *good = self;
  volatile double x = 1;
  for (long i = 0; i < 60000000; i++)
    x = x * 1.0000001 + 0.5;
  good->host->timer_set(good->timer, 30000);
}

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  good->timer = good->host->timer_new(good->host, fire, good);
  if (!good->timer)
    return PLUG_ENOMEM;
  good->host->timer_set(good->timer, 30000);
  return PLUG_OK;
}

PLANT_BROKER;
