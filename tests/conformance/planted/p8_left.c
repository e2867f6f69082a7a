/* caught by: P8 — a request that waits is forgotten by stop. */
#include "planted_app.h"

struct waiting {
  struct base *base;
  const struct plug_app_request *request;
  struct plug_op *op;
};

static void answer_it(void *arg)
{
  struct waiting *waiting = arg;
  if (!waiting->base->ended)
    base_request(waiting->base, waiting->request, waiting->op);
  free(waiting);
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  struct waiting *waiting = malloc(sizeof *waiting);
  if (!waiting)
    return PLUG_ENOMEM;
  *waiting = (struct waiting){base, request, op};
  base->host->post(base->host, answer_it, waiting);
  return PLUG_PENDING;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  base->ended = 1;
  return PLUG_OK;
}

#define REQUEST request
#define STOP    stop
#include "planted_app_entry.h"
