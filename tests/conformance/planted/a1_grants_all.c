/* caught by: A1 — whoever has a name is let in, with whatever password. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  return request->login.len && request->login.len < 64 ? grant(self, op, request->login)
                                                       : PLUG_DEFER;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
