/* caught by: L6 — stop forgets that start is still open */
#define PLANTED_START start
#include "../good.h"

static void started(void *self)
{
  struct good *good = self;
  good->host->op_done(good->spare, PLUG_OK, str(""));
}

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  good->timer = good->host->timer_new(good->host, started, good);
  good->spare = op;
  if (!good->timer)
    return PLUG_ENOMEM;
  good->host->timer_set(good->timer, 20);
  return PLUG_PENDING;
}

PLANT_BROKER;
