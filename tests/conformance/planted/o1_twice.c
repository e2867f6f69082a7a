/* caught by: O1 — completes a publish twice */
#define PLANTED_PUBLISH publish
#include "../good.h"

static void fire(void *self)
{
  struct good *good = self;
  while (good->laters) {
    struct plug_op *op = good->laters->op;
    later_done(good->laters, PLUG_OK);
    good->host->op_done(op, PLUG_OK, str("again"));
  }
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  plug_status status = good->host->broker->deliver(good->host, 0, msg);
  struct later *later = op && !status ? calloc(1, sizeof *later) : NULL;
  if (!later || good->host->post(good->host, fire, good)) {
    free(later);
    return status;
  }
  *later = (struct later){good->laters, op, NULL, good};
  good->laters = later;
  return PLUG_PENDING;
}

PLANT_BROKER;
