/* caught by: T1 — reports its state from a thread of its own */
#define PLANTED_PUBLISH publish
#include "../good.h"

static void *run(void *arg)
{
  struct good *good = arg;
  good->host->broker->state(good->host, PLUG_STATE_UP, 0, str("up"));
  return NULL;
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, good))
    return PLUG_ENOMEM;
  pthread_join(thread, NULL);
  return good_publish(self, msg, op);
}

PLANT_BROKER;
