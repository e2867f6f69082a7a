/* caught by: A6 — an identity is granted that has expired long ago. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  if (!is_right(request))
    return base_authenticate(self, request, op);
  struct plug_identity who = identity_of(request->login, new_context(request->login));
  who.expires_unix_ms = 1000;
  base->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
