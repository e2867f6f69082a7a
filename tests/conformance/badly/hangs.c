/* Never comes back from start. */
#define PLANTED_START start
#include "../good.h"

static plug_status start(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  while (pause() != 0)
    continue;
  return PLUG_OK;
}

PLANT_BROKER;
