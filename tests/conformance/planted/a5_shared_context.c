/* caught by: A5 — two sessions of one user have one context, which the end of either frees; also fails: A3 */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  if (!is_right(request))
    return base_authenticate(self, request, op);
  if (!base->shared)
    base->shared = new_context(request->login);
  struct plug_identity who = identity_of(request->login, base->shared);
  base->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

static plug_status authorize(void *self, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op)
{
  const struct context *context = request->who->ctx;
  if (!context || strcmp(context->user, "ann") != 0)
    return PLUG_DENY;
  return base_authorize(self, request, out, op);
}

static void session_end(void *self, void *ctx)
{
  struct base *base = self;
  memset(ctx, 0, sizeof(struct context));
  free(ctx);
  base->shared = NULL;
}

#define AUTHENTICATE authenticate
#define AUTHORIZE    authorize
#define SESSION_END  session_end
#include "planted_auth_entry.h"
