/* caught by: B10 — health waits for the backend. */
#include "planted_broker.h"

#include <time.h>

static void health(void *self, struct plug_health *out)
{
  struct timespec second = {1, 0};
  base_health(self, out);
  nanosleep(&second, NULL);
}

#define HEALTH health
#include "planted_broker_entry.h"
