/* caught by: O2 — decides otherwise when it is asked again */
#define PLANTED_AUTHORIZE authorize
#include "../good.h"

static plug_status authorize(void *self, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op)
{
  struct good *good = self;
  (void)request, (void)out;
  if (good->has_thread++)
    return PLUG_DENY;
  good->host->auth->decide(op, PLUG_ALLOW, NULL);
  return PLUG_PENDING;
}

PLANT_AUTH;
