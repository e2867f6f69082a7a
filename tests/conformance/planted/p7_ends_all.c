/* caught by: P7 — when one session has gone, the requests of all others fail. */
#include "planted_app.h"

static void event(void *self, const struct plug_app_event *event)
{
  struct base *base = self;
  if (event->kind == PLUG_APP_DISCONNECTED)
    base->ended = 1;
  base_event(self, event);
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  return base->ended ? PLUG_EUNAVAIL : base_request(self, request, op);
}

#define EVENT   event
#define REQUEST request
#include "planted_app_entry.h"
