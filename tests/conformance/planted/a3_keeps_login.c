/* caught by: A3 — the name of the last request is pointed to, and looked at with the next. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  if (base->kept.len && *(const volatile char *)base->kept.ptr == '#')
    return PLUG_DENY;
  base->kept = request->login;
  return base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
