/* caught by: L9 — stop takes it that start has done all */
#define PLANTED_START start
#define PLANTED_STOP  stop
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
  return good->timer ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  good->host->timer_free(good->timer);
  return PLUG_OK;
}

PLANT_BROKER;
