/* caught by: T4 — leaves the home thread with signals blocked */
#define PLANTED_START start
#define PLANTED_STOP  stop
#include "../good.h"

static void *run(void *arg)
{
  struct good *good = arg;
  while (!__atomic_load_n(&good->stopping, __ATOMIC_ACQUIRE))
    usleep(1000);
  return NULL;
}

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  good->has_thread = !pthread_create(&good->thread, NULL, run, good);
  return good->has_thread ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct good *good = self;
  __atomic_store_n(&good->stopping, 1, __ATOMIC_RELEASE);
  if (good->has_thread)
    pthread_join(good->thread, NULL);
  return good_stop(self, op);
}

PLANT_BROKER;
