#include "watch_snapshot.h"

#include <stdlib.h>
#include <string.h>

void watch_snapshots_add(struct watch_snapshot **list, uint64_t session,
                         struct plug_str subscription)
{
  struct watch_snapshot *snapshot = malloc(sizeof *snapshot + subscription.len);
  if (!snapshot)
    return;
  *snapshot = (struct watch_snapshot){*list, session, subscription.len};
  if (subscription.len)
    memcpy(snapshot->subscription, subscription.ptr, subscription.len);
  *list = snapshot;
}

void watch_snapshots_drop(struct watch_snapshot **list, uint64_t session,
                          struct plug_str subscription)
{
  for (struct watch_snapshot *snapshot; (snapshot = *list); list = &snapshot->next) {
    if (snapshot->session != session || snapshot->len != subscription.len ||
        (subscription.len &&
         memcmp(snapshot->subscription, subscription.ptr, subscription.len) != 0))
      continue;
    *list = snapshot->next;
    free(snapshot);
    return;
  }
}

void watch_snapshots_move(struct watch_snapshot **to, struct watch_snapshot **from)
{
  struct watch_snapshot **end = from;
  while (*end)
    end = &(*end)->next;
  *end = *to;
  *to = *from;
  *from = NULL;
}

void watch_snapshots_free(struct watch_snapshot **list)
{
  while (*list) {
    struct watch_snapshot *snapshot = *list;
    *list = snapshot->next;
    free(snapshot);
  }
}

void watch_snapshots_send(const struct watch_snapshot *list, const struct watch_env *env,
                          const struct watch_section *section, struct plug_str destination,
                          struct plug_str text)
{
  for (const struct watch_snapshot *to = list; to; to = to->next)
    watch_env_publish(env, section, destination, text, to->session,
                      route_slice(to->subscription, to->len));
}
