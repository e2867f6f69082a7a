/* caught by: P5 — the destination of an event is looked at with the next. */
#include "planted_app.h"

static void event(void *self, const struct plug_app_event *event)
{
  struct base *base = self;
  if (base->kept.len)
    base->n_asked += *(const volatile char *)base->kept.ptr == 47;
  base->kept = event->destination;
  base_event(self, event);
}

#define EVENT event
#include "planted_app_entry.h"
