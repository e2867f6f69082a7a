/* caught by: L10 — waits for a post that was refused */
#define PLANTED_PUBLISH publish
#define PLANTED_DRAIN   drain
#include "../good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  plug_status status = good->host->broker->deliver(good->host, 0, msg);
  struct later *later = op && !status ? calloc(1, sizeof *later) : NULL;
  if (!later)
    return status;
  *later = (struct later){good->laters, op, NULL, good};
  good->laters = later;
  good->host->post(good->host, later_fire, good);
  return PLUG_PENDING;
}

static plug_status drain(void *self, struct plug_op *op)
{
  (void)op;
  later_fire(self);
  return PLUG_OK;
}

PLANT_BROKER;
