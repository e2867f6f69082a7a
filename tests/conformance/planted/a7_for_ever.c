/* caught by: A7 — a decision may be kept for 49 days. */
#include "planted_auth.h"

static plug_status authorize(void *self, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op)
{
  plug_status status = base_authorize(self, request, out, op);
  out->cache_ms = UINT32_MAX;
  return status;
}

#define AUTHORIZE authorize
#include "planted_auth_entry.h"
