/* caught by: L4 — loses what belongs to a session that ends */
#define PLANTED_AUTHENTICATE authenticate
#define PLANTED_SESSION_END  session_end
#include "../good.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct good *good = self;
  struct plug_identity who = {.size = sizeof who, .user = request->login, .ctx = malloc(100)};
  good->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

static void session_end(void *self, void *ctx)
{
  (void)self, (void)ctx;
}

PLANT_AUTH;
