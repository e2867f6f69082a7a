/* caught by: O2 — an answer from the cache lacks its message */
#define PLANTED_REQUEST request
#include "../good.h"

static plug_status request(void *self, const struct plug_app_request *asked, struct plug_op *op)
{
  struct good *good = self;
  return good->has_thread++ ? PLUG_OK : good_request(self, asked, op);
}

PLANT_APP;
