/* caught by: A1 — an identity is granted, and PLUG_DENY is returned, too. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  plug_status status = base_authenticate(self, request, op);
  return is_right(request) ? PLUG_DENY : status;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
