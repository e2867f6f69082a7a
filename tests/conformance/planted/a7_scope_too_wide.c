/* caught by: A7 — a decision is said to hold for all topics below, and does not. */
#include "planted_auth.h"

static plug_status authorize(void *self, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op)
{
  (void)self, (void)op;
  out->scope = PLUG_SCOPE_PREFIX;
  out->cache_ms = 1000;
  size_t slashes = 0;
  for (size_t i = 0; i < request->topic.len; i++)
    slashes += request->topic.ptr[i] == 47;
  return slashes < 3 ? PLUG_ALLOW : PLUG_DENY;
}

#define AUTHORIZE authorize
#include "planted_auth_entry.h"
