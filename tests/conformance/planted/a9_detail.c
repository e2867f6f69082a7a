/* caught by: A9 — the password is in the detail of a refusal, which is logged. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  if (is_right(request) || !request->login.len)
    return base_authenticate(self, request, op);
  return refuse(self, op, PLUG_CODE_FAILED, request->passcode);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
