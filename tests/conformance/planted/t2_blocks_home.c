/* caught by: T2 — waits in publish */
#define PLANTED_PUBLISH publish
#include "good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  usleep(60000);
  return good_publish(self, msg, op);
}

PLANT_BROKER;
