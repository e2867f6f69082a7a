/* caught by: O6 — completes the operation, and returns a result, too */
#define PLANTED_PUBLISH publish
#include "../good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  plug_status status = good->host->broker->deliver(good->host, 0, msg);
  if (op)
    good->host->op_done(op, PLUG_OK, str(""));
  return status;
}

PLANT_BROKER;
