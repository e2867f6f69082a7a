/* caught by: L1 — destroy without start leaves a descriptor open */
#define PLANTED_CREATE create
#define PLANTED_STOP   stop
#include "../good.h"

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  plug_status status = good_create(host, self, err);
  ((struct good *)*self)->fd = dup(2);
  return status;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct good *good = self;
  close(good->fd);
  return good_stop(self, op);
}

PLANT_BROKER;
