/* caught by: D7 — starts a thread as soon as it is loaded */
#include "../good.h"

static void *run(void *arg)
{
  pause();
  return arg;
}

__attribute__((constructor)) static void at_load(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
}

PLANT_BROKER;
