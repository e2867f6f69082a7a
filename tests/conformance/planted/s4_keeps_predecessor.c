/* caught by: S4 — a file is opened by each instance that finds another one running, and not closed. */
#include "planted_broker.h"

#include <fcntl.h>
#include <unistd.h>

static int n_running;

static plug_status start(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  base->refused = n_running++ > 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
  return PLUG_OK;
}

static plug_status stop(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  n_running--;
  return PLUG_OK;
}

#define START start
#define STOP  stop
#include "planted_broker_entry.h"
