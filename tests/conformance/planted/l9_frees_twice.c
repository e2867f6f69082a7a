/* caught by: L9 — a start that fails frees what stop frees again */
#define PLANTED_START start
#include "../good.h"

static void fire(void *self)
{
  (void)self;
}

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  good->timer = good->host->timer_new(good->host, fire, good);
  if (!good->timer)
    return PLUG_ENOMEM;
  struct plug_timer *second = good->host->timer_new(good->host, fire, good);
  if (!second) {
    good->host->timer_free(good->timer);
    return PLUG_ENOMEM;
  }
  good->host->timer_free(second);
  return PLUG_OK;
}

PLANT_BROKER;
