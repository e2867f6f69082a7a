/* caught by: A2 — a permission permits neither to subscribe nor to publish. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  static const struct plug_permission permissions[] = {{0, 0, {"/topic/**", 9}}};
  if (!is_right(request))
    return base_authenticate(self, request, op);
  struct plug_identity who = identity_of(request->login, new_context(request->login));
  who.permissions = permissions;
  who.n_permissions = 1;
  base->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
