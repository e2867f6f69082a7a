/* caught by: A4 — an operation that is cancelled is never completed. */
#include "planted_auth.h"

static void answer(void *arg)
{
  struct pending *pending = arg;
  if (!pending->cancelled) {
    answer_pending(pending);
    return;
  }
  pending->base->pending = NULL;
  free(pending);
}

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  struct pending *pending = calloc(1, sizeof *pending);
  if (!pending)
    return PLUG_ENOMEM;
  *pending = (struct pending){.base = base, .request = request, .op = op, .next = base->pending};
  base->pending = pending;
  base->host->post(base->host, answer, pending);
  return PLUG_PENDING;
}

#define AUTHENTICATE authenticate
#define CANCEL       later_cancel
#include "planted_auth_entry.h"
