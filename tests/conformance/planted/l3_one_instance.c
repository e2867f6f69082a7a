/* caught by: L3 — can be there only once */
#define PLANTED_CREATE  create
#define PLANTED_DESTROY destroy
#include "../good.h"

static struct good *the_good;

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  plug_status status = the_good ? PLUG_OK : good_create(host, (void **)&the_good, err);
  *self = the_good;
  return status;
}

static void destroy(void *self)
{
  (void)self;
  free(the_good);
  the_good = NULL;
}

PLANT_APP;
