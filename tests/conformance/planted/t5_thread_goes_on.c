/* caught by: T5 — stop does not wait for its thread */
#define PLANTED_START   start
#define PLANTED_DESTROY destroy
#include "../good.h"

static void *run(void *arg)
{
  struct good *good = arg;
  while (!__atomic_load_n(&good->stopping, __ATOMIC_ACQUIRE)) {
    good->host->now_ms(good->host);
    usleep(1000);
  }
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

static void destroy(void *self)
{
  struct good *good = self;
  __atomic_store_n(&good->stopping, 1, __ATOMIC_RELEASE);
  if (good->has_thread)
    pthread_join(good->thread, NULL);
  free(good);
}

PLANT_BROKER;
