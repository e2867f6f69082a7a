/* caught by: L1 — starts its thread in create */
#define PLANTED_CREATE  create
#define PLANTED_DESTROY destroy
#include "../good.h"

static void *run(void *arg)
{
  struct good *good = arg;
  while (!__atomic_load_n(&good->stopping, __ATOMIC_ACQUIRE))
    usleep(1000);
  return NULL;
}

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  plug_status status = good_create(host, self, err);
  struct good *good = *self;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_create(&good->thread, NULL, run, good);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return status;
}

static void destroy(void *self)
{
  struct good *good = self;
  __atomic_store_n(&good->stopping, 1, __ATOMIC_RELEASE);
  pthread_join(good->thread, NULL);
  free(good);
}

PLANT_BROKER;
