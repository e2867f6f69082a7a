/* caught by: P2 — a request has an outcome that only auth plugins have. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  (void)self, (void)request, (void)op;
  return PLUG_ALLOW;
}

#define REQUEST request
#include "planted_app_entry.h"
