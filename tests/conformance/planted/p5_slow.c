/* caught by: P5 — an answer comes a minute later, whatever the deadline is. */
#include "planted_app.h"

static void ring(void *arg)
{
  struct base *base = arg;
  struct plug_op *op = base->op;
  base->op = NULL;
  if (op)
    answer_text(base, op, "at last");
}

static plug_status start(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  base->timer = base->host->timer_new(base->host, ring, base);
  return base->timer ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  if (base->op)
    base->host->op_done(base->op, PLUG_ECANCELED, text_of(""));
  base->op = NULL;
  base->host->timer_free(base->timer);
  return PLUG_OK;
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  if (base->op)
    return base_request(self, request, op);
  base->op = op;
  base->host->timer_set(base->timer, 60000);
  return PLUG_PENDING;
}

#define REQUEST request
#define START   start
#define STOP    stop
#include "planted_app_entry.h"
