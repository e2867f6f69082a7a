/* caught by: A1 — who is let in is not granted an identity: authenticate returns PLUG_ALLOW. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  return is_right(request) ? PLUG_ALLOW : base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
