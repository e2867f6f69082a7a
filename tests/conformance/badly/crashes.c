/* Is not there any more when something is published. */
#define PLANTED_PUBLISH publish
#include "../good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)msg, (void)op;
  abort();
}

PLANT_BROKER;
