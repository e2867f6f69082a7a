/* caught by: T3 — authorize on any thread looks at what another one is asked */
#define PLANTED_AUTH_FLAGS PLUG_AUTHORIZE_ANY
#define PLANTED_AUTHORIZE  authorize
#include <sched.h>

#include "../good.h"

static char asked;

/* Nobody may subscribe to /topic/check.b. */
static plug_status authorize(void *self, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op)
{
  (void)self, (void)out, (void)op;
  __atomic_store_n(&asked, request->topic.ptr[request->topic.len - 1], __ATOMIC_RELAXED);
  sched_yield();
  return __atomic_load_n(&asked, __ATOMIC_RELAXED) == 'b' ? PLUG_DENY : PLUG_ALLOW;
}

PLANT_AUTH;
