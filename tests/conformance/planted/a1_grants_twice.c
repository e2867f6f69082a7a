/* caught by: A1 — an identity is granted twice. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  plug_status status = base_authenticate(self, request, op);
  if (is_right(request))
    grant(self, op, request->login);
  return status;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
