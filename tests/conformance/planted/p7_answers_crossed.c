/* caught by: P7 — a request that waits is answered with what the next one asks. */
#include "planted_app.h"

static void answer_it(void *arg)
{
  struct base *base = arg;
  struct plug_op *op = base->op;
  base->op = NULL;
  if (op)
    base_request(base, base->request, op);
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  if (base->op) {
    base->request = request;
    answer_it(base);
    return base_request(self, request, op);
  }
  base->request = request;
  base->op = op;
  base->host->post(base->host, answer_it, base);
  return PLUG_PENDING;
}

static plug_status stop(void *self, struct plug_op *op)
{
  (void)op;
  answer_it(self);
  return PLUG_OK;
}

#define REQUEST request
#define STOP    stop
#include "planted_app_entry.h"
