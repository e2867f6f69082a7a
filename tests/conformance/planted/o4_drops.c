/* caught by: O4 — drops what nobody waits for */
#define PLANTED_PUBLISH publish
#include "../good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  return op ? good_publish(self, msg, op) : PLUG_OK;
}

PLANT_BROKER;
