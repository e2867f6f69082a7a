/* caught by: P6 — a request is looked at again after its operation was completed; also fails: P4 */
#include "planted_app.h"

static void look_again(void *arg)
{
  struct base *base = arg;
  base->n_asked += ((const volatile struct plug_app_request *)base->request)->session == 1;
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  plug_status status = base_request(self, request, op);
  base->request = request;
  base->host->post(base->host, look_again, base);
  return status;
}

#define REQUEST request
#include "planted_app_entry.h"
