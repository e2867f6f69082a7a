/* caught by: L4 — loses 24 bytes with each restart */
#define PLANTED_START start
#include "../good.h"

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  good->spare = malloc(24);
  return good->spare ? PLUG_OK : PLUG_ENOMEM;
}

PLANT_BROKER;
