/* caught by: L4 — its thread never ends */
#define PLANTED_START start
#include "../good.h"

static void *run(void *arg)
{
  (void)arg;
  for (;;)
    pause();
  return NULL;
}

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  good->has_thread = !pthread_create(&good->thread, NULL, run, good);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return good->has_thread ? PLUG_OK : PLUG_ENOMEM;
}

PLANT_BROKER;
