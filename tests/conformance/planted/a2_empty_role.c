/* caught by: A2 — an identity has a role without a name. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  static const struct plug_str roles[] = {{"USER", 4}, {NULL, 0}};
  if (!is_right(request))
    return base_authenticate(self, request, op);
  struct plug_identity who = identity_of(request->login, new_context(request->login));
  who.roles = roles;
  who.n_roles = 2;
  base->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
