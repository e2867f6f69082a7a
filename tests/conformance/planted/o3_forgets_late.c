/* caught by: O3 — forgets an operation whose deadline has passed */
#define PLANTED_PUBLISH publish
#define PLANTED_DRAIN   drain
#include "../good.h"

static void fire(void *self)
{
  struct good *good = self;
  while (good->laters) {
    struct plug_op *op = good->laters->op;
    if (good->host->op_deadline_ms(op) < good->host->now_ms(good->host))
      good->laters->op = NULL;
    later_done(good->laters, PLUG_OK);
  }
}
/* Answered when the timer fires, a while from now. */
static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  plug_status status = good->host->broker->deliver(good->host, 0, msg);
  if (status || !op)
    return status;
  if (!good->timer)
    good->timer = good->host->timer_new(good->host, fire, good);
  struct later *later = good->timer ? calloc(1, sizeof *later) : NULL;
  if (!later)
    return PLUG_ENOMEM;
  *later = (struct later){good->laters, op, NULL, good};
  good->laters = later;
  good->host->timer_set(good->timer, 5);
  return PLUG_PENDING;
}

static plug_status drain(void *self, struct plug_op *op)
{
  (void)op;
  later_fire(self);
  return PLUG_OK;
}

PLANT_BROKER;
