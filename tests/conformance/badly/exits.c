/* Ends the process in create, as a library may that is called so. */
#define PLANTED_CREATE create
#include "../good.h"

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)host, (void)self, (void)err;
  _exit(0);
}

PLANT_BROKER;
