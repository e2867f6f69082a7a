/* caught by: P8 — a request that waits is forgotten by stop. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  if (base->n_asked++ < 3)
    return base_request(self, request, op);
  return PLUG_PENDING;
}

#define REQUEST request
#include "planted_app_entry.h"
