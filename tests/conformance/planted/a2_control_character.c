/* caught by: A2 — the name that is granted ends with a newline. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  return is_right(request) ? grant(self, op, text_of("ann\n"))
                           : base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
