/* caught by: T5 — asks for the time in destroy */
#define PLANTED_DESTROY destroy
#include "../good.h"

static void destroy(void *self)
{
  struct good *good = self;
  good->host->now_ms(good->host);
  free(good);
}

PLANT_BROKER;
