/* caught by: L3 — keeps its host in a static variable */
#define PLANTED_CREATE  create
#define PLANTED_PUBLISH publish
#include "../good.h"

static const struct plug_host *the_host;

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  the_host = host;
  return good_create(host, self, err);
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)op;
  return the_host->broker->deliver(the_host, 0, msg);
}

PLANT_BROKER;
