#include "net/gather.h"

#include "base/list.h"
#include "base/str.h"
#include "net/env.h"

static void go_on(struct gather *gather)
{
  struct net_env *env =
      gather->at < gather->crew->n ? gather->crew->envs[gather->at] : gather->asker;
  struct inbox_item *item = gather->items[gather->at];
  struct inbox *inbox = env->inbox;
  gather->items[gather->at] = NULL;
  if (inbox_put(inbox, item))
    inbox->wake(inbox);
}

static void on_call(struct inbox_call *call)
{
  struct gather *gather = container_of(call, struct gather, call);
  if (gather->at == gather->crew->n) {
    gather->done(gather, gather->asker);
    return;
  }
  struct net_env *env = gather->crew->envs[gather->at];
  while (!gather->step(gather, env))
    if (hub_call_later(&env->hub, &gather->call)) /* or else in one go */
      return;
  gather->at++;
  go_on(gather);
}

bool gather_start(struct gather *gather, struct net_env *asker)
{
  gather->crew = asker->crew;
  gather->asker = asker;
  gather->at = 0;
  gather->call.run = on_call;
  for (unsigned i = 0; i <= gather->crew->n; i++) {
    gather->items[i] = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
    if (!gather->items[i]) {
      while (i)
        inbox_item_free(gather->items[--i]);
      return false;
    }
    gather->items[i]->waiter = &gather->call;
  }
  go_on(gather);
  return true;
}
