/* caught by: A3 — the context of an identity is a part of the request, and read at the end. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  if (!is_right(request))
    return base_authenticate(self, request, op);
  struct plug_identity who = identity_of(request->login, (void *)(uintptr_t)request->login.ptr);
  base->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

static void session_end(void *self, void *ctx)
{
  struct base *base = self;
  base->n_asked += *(const volatile char *)ctx == 97;
}

#define AUTHENTICATE authenticate
#define SESSION_END  session_end
#include "planted_auth_entry.h"
