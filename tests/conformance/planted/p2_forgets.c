/* caught by: P2 — every fifth request is never answered. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  if (++base->n_asked % 5 == 0)
    return PLUG_PENDING;
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
