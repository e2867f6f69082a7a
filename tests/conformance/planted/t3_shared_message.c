/* caught by: T3 — the message that is published is the instance's */
#define PLANTED_CAPS    (PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_NO_GAPS | PLUG_CAP_PUBLISH_ANY)
#define PLANTED_PUBLISH publish
#include <sched.h>
#include <stdint.h>

#include "../good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  __atomic_store_n(&good->spare, (void *)(uintptr_t)msg, __ATOMIC_RELAXED);
  sched_yield();
  return good->host->broker->deliver(good->host, 0,
                                     __atomic_load_n(&good->spare, __ATOMIC_RELAXED));
}

PLANT_BROKER;
