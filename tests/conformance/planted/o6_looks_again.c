/* caught by: O6 — grants at once, and looks at the request later */
#define PLANTED_AUTHENTICATE authenticate
#include <stdint.h>

#include "../good.h"

static void fire(void *self)
{
  struct good *good = self;
  const struct plug_auth_request *request = good->spare;
  snprintf(good->text, sizeof good->text, "%.*s", (int)request->login.len, request->login.ptr);
}

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct good *good = self;
  good->spare = (void *)(uintptr_t)request;
  good->host->post(good->host, fire, good);
  return good_authenticate(self, request, op);
}

PLANT_AUTH;
