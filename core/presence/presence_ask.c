#include "presence/presence_ask.h"

#include <stdlib.h>

#include "base/str.h"

void presence_ask_ready(struct presence_ask *ask, plug_status status)
{
  ask->status = status == PLUG_EAGAIN ? PLUG_OK : status;
  ask->answered = true;
  list_remove(&ask->link);
  list_append(&ask->presence->ready, &ask->link);
  presence_wake(ask->presence);
}

static void on_answer(struct presence_wait *wait, plug_status status)
{
  presence_ask_ready(container_of(wait, struct presence_ask, wait), status);
}

struct presence_ask *presence_ask_new(struct presence *presence, struct plugin_instance *instance,
                                      struct plug_str topic, struct plug_str name,
                                      plug_presence_done_fn done, void *arg)
{
  struct presence_ask *ask = calloc(1, sizeof *ask + topic.len + name.len);
  if (!ask)
    return NULL;
  ask->presence = presence;
  ask->instance = instance;
  if (instance)
    instance_hold(instance); /* it is not stopped before it has its answer */
  ask->done = done;
  ask->arg = arg;
  ask->wait.answer = on_answer;
  ask->refs = 1;
  ask->topic_len = topic.len;
  if (topic.len)
    memcpy(ask->topic, topic.ptr, topic.len);
  ask->name_len = name.len;
  if (name.len)
    memcpy(ask->topic + topic.len, name.ptr, name.len);
  list_init(&ask->link);
  list_init(&ask->wait.link);
  list_append(&presence->asks, &ask->link);
  return ask;
}

/* Who was told, or never will be, is kept no longer. */
static void let_go(struct presence_ask *ask)
{
  if (ask->instance)
    instance_release(ask->instance);
  ask->instance = NULL;
}

void presence_ask_unref(struct presence_ask *ask)
{
  if (--ask->refs)
    return;
  let_go(ask);
  list_remove(&ask->link);
  list_remove(&ask->wait.link);
  free(ask);
}

struct plug_str presence_ask_name(const struct presence_ask *ask)
{
  return str_from(ask->topic + ask->topic_len, ask->name_len);
}

void presence_ask_of_room(struct presence_ask *ask, struct room *room)
{
  ask->of_room = true;
  if (room->known)
    presence_ask_ready(ask, PLUG_OK);
  else
    rooms_wait(room, &ask->wait);
}

static void visit_user(const struct presence_ask *ask, const struct map_entry *entry)
{
  const struct room_user *user = container_of(entry, struct room_user, by_name);
  ask->user(ask->arg, user->by_name.key, room_user_info(user), 0);
}

static void visit_users(const struct presence_ask *ask, const struct room *room)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  if (ask->name_len) {
    if ((entry = map_find(&room->users, presence_ask_name(ask))))
      visit_user(ask, entry);
    return;
  }
  while ((entry = map_next(&room->users, &it)))
    visit_user(ask, entry);
}

static void tell_answer(struct presence_ask *ask)
{
  struct presence *presence = ask->presence;
  const struct room *room =
      ask->of_room ? rooms_find(&presence->rooms, str_from(ask->topic, ask->topic_len)) : NULL;
  if (ask->of_room && ask->status == PLUG_OK && !(room && room->known))
    ask->status = PLUG_ECANCELED;
  if (ask->of_room && ask->status == PLUG_OK) {
    ask->users = room->users.count;
    if (ask->user)
      visit_users(ask, room);
  }
  ask->done(ask->arg, ask->status, ask->users, ask->members);
}

void presence_asks_tell(struct presence *presence)
{
  struct list *node;
  while ((node = list_first(&presence->ready))) {
    list_remove(node);
    list_append(&presence->telling, node); /* what becomes ready meanwhile has its turn later */
  }
  while ((node = list_first(&presence->telling))) {
    struct presence_ask *ask = container_of(node, struct presence_ask, link);
    struct plugin_instance *instance = ask->instance;
    struct instance_call call;
    list_remove(node);
    if (!instance) {
      tell_answer(ask);
    } else if (instance_state(instance) < INSTANCE_STOPPED) {
      instance_call_begin(&call, instance, "presence done");
      tell_answer(ask);
      instance_call_end(&call);
    }
    let_go(ask);
    presence_ask_unref(ask);
  }
}

void presence_asks_cancel(struct presence *presence, plug_status status)
{
  for (struct list *node = presence->asks.next; node != &presence->asks;) {
    struct presence_ask *ask = container_of(node, struct presence_ask, link);
    node = node->next;
    list_remove(&ask->wait.link);
    presence_ask_ready(ask, status);
  }
}

void presence_asks_cancel_of(struct presence *presence, const struct plugin_instance *instance)
{
  for (struct list *node = presence->asks.next; node != &presence->asks;) {
    struct presence_ask *ask = container_of(node, struct presence_ask, link);
    node = node->next;
    if (ask->instance != instance)
      continue;
    list_remove(&ask->wait.link);
    presence_ask_ready(ask, PLUG_ECANCELED);
  }
}

void presence_asks_free(struct presence *presence)
{
  struct list *node;
  while ((node = list_first(&presence->asks)) || (node = list_first(&presence->ready))) {
    struct presence_ask *ask = container_of(node, struct presence_ask, link);
    list_remove(node);
    list_remove(&ask->wait.link);
    ask->instance = NULL; /* which is gone by now */
    presence_ask_unref(ask);
  }
}
