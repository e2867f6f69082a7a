/* caught by: A8 — a password is read up to a NUL that it does not have; also fails: A3 */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  const volatile char *at = request->passcode.ptr;
  while (request->passcode.len && *at)
    at++;
  return base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
