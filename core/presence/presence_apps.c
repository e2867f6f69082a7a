#include "presence/presence_apps.h"

#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "base/str.h"
#include "plugin/border.h"
#include "presence/presence_ask.h"

#define FORGET_LIMIT_MS 5000

/* One application that watches one room. */
struct watcher {
  struct list link; /* room.watchers */
  struct plugin_instance *instance;
  size_t n;
};

/* --- members ------------------------------------------------------------------------------ */

static bool is_member(const struct presence *presence, const struct plug_member *member)
{
  return member->topic.len && member->member.len && member->user.len &&
         member->info.len <= presence->settings.max_info;
}

static bool is_readable(const struct plug_member *member)
{
  return member && border_is_text(member->topic) && border_is_text(member->member) &&
         border_is_text(member->user) && border_is_text(member->info);
}

/* Whose it is goes from an older instance to a younger one, not back. */
static void own(struct presence *presence, const struct plug_member *member,
                const struct plugin_instance *instance)
{
  const struct plugin_instance *owner = members_owner(&presence->members, member);
  if (!owner || !instance_is_younger(owner, instance))
    members_own(&presence->members, member, instance);
}

static plug_status change_member(const struct plug_host *host, const struct plug_member *member,
                                 bool joins, plug_presence_done_fn done, void *arg)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, joins ? "join" : "leave", &ctx);
  struct presence *presence = ctx;
  if (!instance || presence->draining)
    return PLUG_ESTATE;
  if (presence->off && joins)
    return PLUG_ENOTSUP;
  if (!border_accepts(instance, joins ? "join" : "leave", is_readable(member)))
    return PLUG_EINVAL;
  if (joins && !is_member(presence, member)) {
    COUNT(presence_refused);
    return member->info.len > presence->settings.max_info ? PLUG_ETOOBIG : PLUG_EINVAL;
  }
  if (!joins && !members_is_own(&presence->members, member, instance))
    return PLUG_OK; /* its successor has it */
  struct presence_ask *ask = NULL;
  if (done && !(ask = presence_ask_new(presence, instance, str_from(NULL, 0), str_from(NULL, 0),
                                       done, arg)))
    return PLUG_ENOMEM;
  plug_status status = joins ? members_join(&presence->members, member, ask ? &ask->wait : NULL)
                             : members_leave(&presence->members, member, ask ? &ask->wait : NULL);
  if (joins && (status == PLUG_OK || status == PLUG_PENDING))
    own(presence, member, instance);
  if (status == PLUG_ETOOBIG)
    COUNT(presence_refused);
  if (ask && status != PLUG_PENDING)
    presence_ask_unref(ask);
  presence_wake(presence);
  return !ask && status == PLUG_PENDING ? PLUG_OK : status;
}

static plug_status app_join(const struct plug_host *host, const struct plug_member *member,
                            plug_presence_done_fn done, void *arg)
{
  return change_member(host, member, true, done, arg);
}

static plug_status app_leave(const struct plug_host *host, const struct plug_member *member,
                             plug_presence_done_fn done, void *arg)
{
  return change_member(host, member, false, done, arg);
}

/* --- rooms -------------------------------------------------------------------------------- */

static struct watcher *find_watcher(const struct room *room, const struct plugin_instance *instance)
{
  for (struct list *node = room->watchers.next; node != &room->watchers; node = node->next)
    if (container_of(node, struct watcher, link)->instance == instance)
      return container_of(node, struct watcher, link);
  return NULL;
}

static void drop_watcher(struct room *room, struct watcher *watcher)
{
  for (size_t i = 0; i < watcher->n; i++)
    rooms_unwatch(room);
  list_remove(&watcher->link);
  free(watcher);
}

/* Of two instances of one name the younger one is told, so that a room hears of each change once.
 * While workers go over one after the other, the older one may come later. */
static bool has_successor(const struct room *room, const struct plugin_instance *instance)
{
  for (struct list *node = room->watchers.next; node != &room->watchers; node = node->next)
    if (instance_is_younger(container_of(node, struct watcher, link)->instance, instance))
      return true;
  return false;
}

static void drop_predecessor(struct room *room, const struct plugin_instance *instance)
{
  for (struct list *node = room->watchers.next, *next; node != &room->watchers; node = next) {
    struct watcher *watcher = container_of(node, struct watcher, link);
    next = node->next;
    if (instance_is_younger(instance, watcher->instance))
      drop_watcher(room, watcher);
  }
}

static plug_status app_watch(const struct plug_host *host, struct plug_str topic,
                             plug_presence_done_fn done, void *arg)
{
  void *ctx = NULL;
  plug_status status = PLUG_ENOMEM;
  struct plugin_instance *instance = instance_calling(host, "watch", &ctx);
  struct presence *presence = ctx;
  if (!instance || presence->draining)
    return PLUG_ESTATE;
  if (presence->off)
    return PLUG_ENOTSUP;
  if (!topic.len || !border_accepts(instance, "watch", border_is_text(topic)))
    return PLUG_EINVAL;
  struct presence_ask *ask =
      presence_ask_new(presence, instance, topic, str_from(NULL, 0), done, arg);
  struct watcher *fresh = calloc(1, sizeof *fresh);
  struct room *room = ask && fresh && done ? rooms_watch(&presence->rooms, topic, &status) : NULL;
  if (!room) {
    if (status == PLUG_ETOOBIG)
      COUNT(presence_refused);
    if (ask)
      presence_ask_unref(ask);
    free(fresh);
    return done ? status : PLUG_EINVAL;
  }
  struct watcher *watcher = find_watcher(room, instance);
  if (!watcher && has_successor(room, instance)) {
    rooms_unwatch(room); /* which the successor watches */
    free(fresh);
  } else if (watcher) {
    watcher->n++;
    free(fresh);
  } else {
    *fresh = (struct watcher){.instance = instance, .n = 1};
    list_append(&room->watchers, &fresh->link);
    drop_predecessor(room, instance);
  }
  presence_ask_of_room(ask, room);
  presence_wake(presence);
  return PLUG_PENDING;
}

static void app_unwatch(const struct plug_host *host, struct plug_str topic)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, "unwatch", &ctx);
  struct presence *presence = ctx;
  bool well = instance && border_accepts(instance, "unwatch", border_is_text(topic));
  struct room *room = well ? rooms_find(&presence->rooms, topic) : NULL;
  struct watcher *watcher = room ? find_watcher(room, instance) : NULL;
  if (!watcher)
    return;
  if (--watcher->n == 0) {
    list_remove(&watcher->link);
    free(watcher);
  }
  rooms_unwatch(room);
  presence_wake(presence);
}

void presence_apps_tell(void *ctx, struct room *room, const struct plug_presence_change *change)
{
  (void)ctx;
  for (struct list *node = room->watchers.next, *next; node != &room->watchers; node = next) {
    struct watcher *watcher = container_of(node, struct watcher, link);
    struct plugin_instance *instance = watcher->instance;
    const struct plug_presence_app *theirs = instance_extension(instance, PLUG_EXT_PRESENCE);
    struct instance_call call;
    next = node->next; /* it may end its watch */
    if (instance_state(instance) != INSTANCE_RUNNING || !theirs || !PLUG_HAS(theirs, changed))
      continue;
    instance_call_begin(&call, instance, "changed");
    theirs->changed(instance_self(instance), change);
    instance_call_end(&call);
  }
}

static plug_status app_list(const struct plug_host *host, struct plug_str topic,
                            plug_presence_user_fn user, plug_presence_done_fn done, void *arg)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, "list", &ctx);
  if (!instance)
    return PLUG_ESTATE;
  if (!border_accepts(instance, "list", border_is_text(topic) && done))
    return PLUG_EINVAL;
  return presence_list_for(ctx, instance, topic, str_from(NULL, 0), user, done, arg);
}

static plug_status app_find(const struct plug_host *host, struct plug_str topic,
                            struct plug_str name, plug_presence_user_fn user,
                            plug_presence_done_fn done, void *arg)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, "find", &ctx);
  if (!instance)
    return PLUG_ESTATE;
  bool well = border_is_text(topic) && border_is_text(name) && done;
  if (!name.len || !border_accepts(instance, "find", well))
    return PLUG_EINVAL;
  return presence_list_for(ctx, instance, topic, name, user, done, arg);
}

const struct plug_presence presence_apps_table = {
    .size = sizeof presence_apps_table,
    .join = app_join,
    .leave = app_leave,
    .watch = app_watch,
    .unwatch = app_unwatch,
    .list = app_list,
    .find = app_find,
};

/* Static, for a control thread that is late; there is one main thread. */
static struct {
  struct presence *presence;
  struct plugin_instance *instance;
} forgotten;

static void forget_on_home(void *arg) PLUG_NOEXCEPT
{
  struct presence *presence = forgotten.presence;
  struct map_iter it = {0};
  struct map_entry *entry;
  (void)arg;
  while ((entry = map_next(&presence->rooms.map, &it))) {
    struct room *room = container_of(entry, struct room, by_topic);
    struct watcher *watcher = find_watcher(room, forgotten.instance);
    if (watcher)
      drop_watcher(room, watcher);
  }
  members_leave_of(&presence->members, forgotten.instance);
  presence_asks_cancel_of(presence, forgotten.instance);
  presence_wake(presence);
}

bool presence_apps_forget(void *ctx, struct plugin_instance *instance)
{
  forgotten.presence = ctx;
  forgotten.instance = instance;
  if (loop_hangs(forgotten.presence->loop))
    return false;
  return loop_call_within(forgotten.presence->loop, forget_on_home, NULL, FORGET_LIMIT_MS);
}

void presence_apps_free(struct presence *presence)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  while ((entry = map_next(&presence->rooms.map, &it))) {
    struct room *room = container_of(entry, struct room, by_topic);
    struct list *node;
    while ((node = list_first(&room->watchers))) {
      list_remove(node);
      free(container_of(node, struct watcher, link));
    }
  }
}
