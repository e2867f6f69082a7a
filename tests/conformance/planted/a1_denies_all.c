/* caught by: A1 — nobody is let in, not with the right password either. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  (void)self, (void)request, (void)op;
  return PLUG_DENY;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
