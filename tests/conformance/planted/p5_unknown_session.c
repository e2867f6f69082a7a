/* caught by: P5 — the end of a subscription of a session that it never heard of makes it fall. */
#include "planted_app.h"

static void event(void *self, const struct plug_app_event *event)
{
  struct base *base = self;
  if (event->kind == PLUG_APP_UNSUBSCRIBED) {
    volatile struct watcher *watcher = *find_watcher(base, event->session);
    base->n_asked += watcher->n_subscriptions;
  }
  base_event(self, event);
}

#define EVENT event
#include "planted_app_entry.h"
