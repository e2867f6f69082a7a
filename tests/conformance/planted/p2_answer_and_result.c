/* caught by: P2 — a request is answered, and PLUG_OK is returned, too. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  base_request(self, request, op);
  return PLUG_OK;
}

#define REQUEST request
#include "planted_app_entry.h"
