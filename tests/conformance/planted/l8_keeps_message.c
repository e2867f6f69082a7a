/* caught by: L8 — keeps a reference to the last message */
#define PLANTED_PUBLISH publish
#include <stdint.h>

#include "../good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  good->host->msg_ref(msg);
  if (good->spare)
    good->host->msg_unref(good->spare);
  good->spare = (void *)(uintptr_t)msg;
  return good_publish(self, msg, op);
}

PLANT_BROKER;
