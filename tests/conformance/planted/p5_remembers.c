/* caught by: P5 — what is kept of a session is not forgotten when it ends. */
#include "planted_app.h"

static void event(void *self, const struct plug_app_event *event)
{
  struct base *base = self;
  struct watcher *watcher = calloc(1, sizeof *watcher + 256);
  if (watcher) {
    watcher->session = event->session;
    watcher->next = base->watchers;
    base->watchers = watcher;
  }
}

#define EVENT event
#include "planted_app_entry.h"
