/* caught by: L4 — loses a descriptor with each restart */
#define PLANTED_START start
#include "../good.h"

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  good->fd = dup(2);
  return good->fd < 0 ? PLUG_ENOMEM : PLUG_OK;
}

PLANT_BROKER;
