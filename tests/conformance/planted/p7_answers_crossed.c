/* caught by: P7 — a request that waits is answered to whoever asks next. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  struct plug_op *other = base->op;
  base->op = NULL;
  if (request->session == 1 && !other) {
    base->op = op;
    return PLUG_PENDING;
  }
  if (other) {
    base->request = request;
    base_request(self, request, other);
  }
  return base_request(self, request, op);
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  if (base->op)
    base->host->op_done(base->op, PLUG_ECANCELED, text_of(""));
  return PLUG_OK;
}

#define REQUEST request
#define STOP    stop
#include "planted_app_entry.h"
