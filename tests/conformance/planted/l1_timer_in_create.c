/* caught by: L1 — makes its timer in create */
#define PLANTED_CREATE create
#include "../good.h"

static void fire(void *self)
{
  (void)self;
}

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  plug_status status = good_create(host, self, err);
  struct good *good = *self;
  good->timer = host->timer_new(host, fire, good);
  return status;
}

PLANT_BROKER;
