/* caught by: A3 — the request is looked at again after its operation was completed. */
#include "planted_auth.h"

static void look_again(void *arg)
{
  struct base *base = arg;
  const volatile struct plug_auth_request *request = base->request;
  base->n_asked += request->session == 1;
}

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  plug_status status = base_authenticate(self, request, op);
  base->request = request;
  base->host->post(base->host, look_again, base);
  return status;
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
