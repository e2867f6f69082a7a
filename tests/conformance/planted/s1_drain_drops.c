/* caught by: S1 — what was taken and not yet delivered is dropped by drain, and called a success. */
#include "planted_broker.h"

struct waiting {
  struct waiting *next;
  const struct plug_msg *msg;
  struct plug_op *op;
};

struct slow {
  struct base base; /* first */
  struct waiting *first, **end;
  struct plug_timer *timer;
};

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct slow *slow = calloc(1, sizeof *slow);
  if (!slow)
    return err->code = PLUG_ENOMEM;
  slow->base.host = host;
  slow->end = &slow->first;
  *self = slow;
  return PLUG_OK;
}

static void release(struct slow *slow, int delivers)
{
  const struct plug_host *host = slow->base.host;
  struct waiting *waiting = slow->first;
  slow->first = NULL;
  slow->end = &slow->first;
  while (waiting) {
    struct waiting *next = waiting->next;
    if (delivers)
      deliver_to_all(&slow->base, waiting->msg);
    host->msg_unref(waiting->msg);
    if (waiting->op)
      host->op_done(waiting->op, PLUG_OK, text_of(""));
    free(waiting);
    waiting = next;
  }
}

static void ring(void *arg)
{
  struct slow *slow = arg;
  release(slow, 1);
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct slow *slow = self;
  struct waiting *waiting = calloc(1, sizeof *waiting);
  if (!waiting)
    return PLUG_ENOMEM;
  slow->base.host->msg_ref(msg);
  waiting->msg = msg;
  waiting->op = op;
  if (!slow->first)
    slow->base.host->timer_set(slow->timer, 5);
  *slow->end = waiting;
  slow->end = &waiting->next;
  return PLUG_PENDING;
}

static plug_status start(void *self, struct plug_op *op)
{
  struct slow *slow = self;
  (void)op;
  slow->timer = slow->base.host->timer_new(slow->base.host, ring, slow);
  return slow->timer ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status drain(void *self, struct plug_op *op)
{
  (void)op;
  release(self, 0);
  return PLUG_OK;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct slow *slow = self;
  (void)op;
  release(slow, 0);
  if (slow->timer)
    slow->base.host->timer_free(slow->timer);
  return PLUG_OK;
}

#define CREATE  create
#define PUBLISH publish
#define START   start
#define DRAIN   drain
#define STOP    stop
#include "planted_broker_entry.h"
