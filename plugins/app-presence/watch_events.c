#include "watch_events.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_MS 1000

bool watch_events_init(struct watch_events *events, uint64_t max)
{
  *events = (struct watch_events){.max = max, .sent_ms = calloc(max, sizeof(uint64_t))};
  return events->sent_ms != NULL;
}

void watch_events_fini(struct watch_events *events)
{
  free(events->sent_ms);
  free(events->text);
  *events = (struct watch_events){0};
}

/* The one that came max events ago is a second old. */
static bool may_send(const struct watch_events *events, uint64_t now_ms)
{
  return events->n_sent < events->max ||
         events->sent_ms[events->n_sent % events->max] + WINDOW_MS <= now_ms;
}

static void sent(struct watch_events *events, uint64_t now_ms)
{
  events->sent_ms[events->n_sent++ % events->max] = now_ms;
}

static bool keep(struct watch_events *events, const struct plug_presence_change *change)
{
  char *text = malloc(change->user.len + change->info.len + 1);
  if (!text)
    return false;
  memcpy(text, change->user.ptr, change->user.len);
  if (change->info.len)
    memcpy(text + change->user.len, change->info.ptr, change->info.len);
  free(events->text);
  events->text = text;
  events->last.user = (struct plug_str){text, change->user.len};
  events->last.info = (struct plug_str){text + change->user.len, change->info.len};
  events->last.kind = change->kind;
  return true;
}

bool watch_events_offer(struct watch_events *events, const struct plug_presence_change *change,
                        uint64_t now_ms, struct watch_event *out)
{
  if (!events->waits && may_send(events, now_ms)) {
    *out = (struct watch_event){change->kind, change->user, change->info, change->users, 1};
    sent(events, now_ms);
    return true;
  }
  if (!keep(events, change) && !events->waits)
    return false; /* without memory the count comes with the next change */
  events->last.users = change->users;
  events->last.merged = events->waits ? events->last.merged + 1 : 1;
  events->waits = true;
  return false;
}

bool watch_events_due(struct watch_events *events, uint64_t now_ms, struct watch_event *out)
{
  if (!events->waits || !may_send(events, now_ms))
    return false;
  *out = events->last;
  events->waits = false;
  sent(events, now_ms);
  return true;
}
