#include "presence/presence.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "plugin/op.h"
#include "presence/members.h"
#include "presence/rooms.h"

#define START_LIMIT_MS   10000
#define REPORT_PERIOD_MS 10000

struct presence {
  struct presence_settings settings;
  struct plugin_instance *broker;
  struct plug_broker_presence plugin; /* a copy */
  struct loop *loop;
  struct instance_extension extension;
  struct presence_backend backend;
  struct members members;
  struct rooms rooms;
  struct list asks;           /* struct ask.link: unanswered */
  struct list ready, telling; /* those with an answer */
  struct loop_hook hook;
  struct loop_task again;
  uv_timer_t *timer;
  bool running, again_posted, draining;
  sem_t drained;
  int64_t counted_members, counted_rooms, counted_users;
  uint64_t counted_changes, counted_lists, counted_failed;
};

/* Somebody who waits for an answer. */
struct ask {
  struct list link;
  struct presence_wait wait;
  struct presence *presence;
  struct plugin_instance *instance; /* NULL: the server */
  plug_presence_user_fn user;       /* of a list */
  plug_presence_done_fn done;
  void *arg;
  plug_status status;
  uint64_t users, members;
  bool of_room; /* answered by what is known of the room, when it is told */
  bool answered;
  unsigned refs;              /* until it is told, and the operation's */
  size_t topic_len, name_len; /* name_len 0: of all users */
  char topic[];               /* behind it the name */
};

/* One application that watches one room. */
struct watcher {
  struct list link; /* room.watchers */
  struct plugin_instance *instance;
  size_t n;
};

static void pump(struct presence *presence);

/* --- asking ------------------------------------------------------------------------------- */

/* Another turn of the loop, at whose end the hook runs. */
static void run_again(struct loop_task *task)
{
  container_of(task, struct presence, again)->again_posted = false;
}

static void wake(struct presence *presence)
{
  if (presence->again_posted)
    return;
  presence->again_posted = true;
  loop_post_task(presence->loop, &presence->again);
}

static void ask_ready(struct ask *ask, plug_status status)
{
  ask->status = status == PLUG_EAGAIN ? PLUG_OK : status;
  ask->answered = true;
  list_remove(&ask->link);
  list_append(&ask->presence->ready, &ask->link);
  wake(ask->presence);
}

static void on_answer(struct presence_wait *wait, plug_status status)
{
  ask_ready(container_of(wait, struct ask, wait), status);
}

static struct ask *ask_new(struct presence *presence, struct plugin_instance *instance,
                           struct plug_str topic, struct plug_str name, plug_presence_done_fn done,
                           void *arg)
{
  struct ask *ask = calloc(1, sizeof *ask + topic.len + name.len);
  if (!ask)
    return NULL;
  ask->presence = presence;
  ask->instance = instance;
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

static void ask_unref(struct ask *ask)
{
  if (--ask->refs)
    return;
  list_remove(&ask->link);
  list_remove(&ask->wait.link);
  free(ask);
}

static struct plug_str ask_name(const struct ask *ask)
{
  return str_from(ask->topic + ask->topic_len, ask->name_len);
}

static void visit_user(const struct ask *ask, const struct map_entry *entry)
{
  const struct room_user *user = container_of(entry, struct room_user, by_name);
  ask->user(ask->arg, user->by_name.key, room_user_info(user), user->members);
}

static void visit_users(const struct ask *ask, const struct room *room)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  if (ask->name_len) {
    if ((entry = map_find(&room->users, ask_name(ask))))
      visit_user(ask, entry);
    return;
  }
  while ((entry = map_next(&room->users, &it)))
    visit_user(ask, entry);
}

static void tell_answer(struct ask *ask)
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

static void answer_ready(struct presence *presence)
{
  struct list *node;
  while ((node = list_first(&presence->ready))) {
    list_remove(node);
    list_append(&presence->telling, node); /* what becomes ready meanwhile has its turn later */
  }
  while ((node = list_first(&presence->telling))) {
    struct ask *ask = container_of(node, struct ask, link);
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
    ask_unref(ask);
  }
}

/* --- operations --------------------------------------------------------------------------- */

static void report(struct presence *presence, const char *what, plug_status status,
                   struct plug_str detail)
{
  static struct log_limit limit;
  uint64_t held;
  char more[LOG_HELD_MAX];
  if (status >= 0 || status == PLUG_EAGAIN || !log_limit_pass(&limit, REPORT_PERIOD_MS, &held))
    return;
  log_warn(instance_name(presence->broker), "presence: %s failed with status %d%s%.*s%s", what,
           status, detail.len ? ": " : "", STR_ARG(detail), log_held(held, more));
}

static struct presence *of_batch(const struct members_batch *batch)
{
  return container_of(batch->members, struct presence, members);
}

static struct presence *of_room(const struct room *room)
{
  return container_of(room->rooms, struct presence, rooms);
}

static void on_batch_done(void *arg, plug_status status, struct plug_str detail)
{
  struct members_batch *batch = arg;
  report(of_batch(batch), batch->is_join ? "joining" : "leaving", status, detail);
  members_answered(batch, status);
}

static void on_batch_release(void *arg, plug_status status, struct plug_str detail)
{
  struct members_batch *batch = arg;
  (void)detail;
  members_released(batch, status, clock_now_ms());
}

static plug_status call_members(struct presence *presence, const struct plug_member *v, size_t n,
                                struct members_batch *batch)
{
  struct instance_call call;
  struct plug_op *op =
      op_new(presence->broker, presence->settings.timeout_ms, on_batch_done, batch);
  if (!op)
    return PLUG_ENOMEM;
  op_on_release(op, on_batch_release);
  instance_call_begin(&call, presence->broker, batch->is_join ? "presence join" : "presence leave");
  void *self = instance_self(presence->broker);
  plug_status status = batch->is_join ? presence->plugin.join(self, v, n, op)
                                      : presence->plugin.leave(self, v, n, op);
  status = op_offered(op, status);
  instance_call_end(&call);
  if (status != PLUG_PENDING)
    report(presence, batch->is_join ? "joining" : "leaving", status, str_from(NULL, 0));
  return status;
}

static plug_status backend_members(void *ctx, const struct plug_member *v, size_t n,
                                   struct members_batch *batch)
{
  return call_members(ctx, v, n, batch);
}

static void backend_restored(void *ctx)
{
  struct presence *presence = ctx;
  struct instance_call call;
  instance_call_begin(&call, presence->broker, "presence restored");
  presence->plugin.restored(instance_self(presence->broker));
  instance_call_end(&call);
}

static void on_room_done(void *arg, plug_status status, struct plug_str detail)
{
  struct room *room = arg;
  report(of_room(room), room->is_listing ? "a list" : "a watch", status, detail);
  rooms_answered(room, status);
}

static void on_room_release(void *arg, plug_status status, struct plug_str detail)
{
  (void)detail;
  rooms_released(arg, status, clock_now_ms());
}

static plug_status call_room(struct presence *presence, struct room *room, bool list)
{
  struct instance_call call;
  struct plug_op *op = op_new(presence->broker, presence->settings.timeout_ms, on_room_done, room);
  if (!op)
    return PLUG_ENOMEM;
  op_on_release(op, on_room_release);
  instance_call_begin(&call, presence->broker, list ? "presence list" : "presence watch");
  void *self = instance_self(presence->broker);
  plug_status status = list ? presence->plugin.list(self, room_topic(room), op)
                            : presence->plugin.watch(self, room_topic(room), op);
  status = op_offered(op, status);
  instance_call_end(&call);
  if (status != PLUG_PENDING)
    report(presence, list ? "a list" : "a watch", status, str_from(NULL, 0));
  return status;
}

static plug_status backend_watch(void *ctx, struct room *room)
{
  return call_room(ctx, room, false);
}

static plug_status backend_list(void *ctx, struct room *room)
{
  return call_room(ctx, room, true);
}

static void backend_unwatch(void *ctx, struct room *room)
{
  struct presence *presence = ctx;
  struct instance_call call;
  instance_call_begin(&call, presence->broker, "presence unwatch");
  presence->plugin.unwatch(instance_self(presence->broker), room_topic(room));
  instance_call_end(&call);
}

static void backend_tell(void *ctx, struct room *room, const struct plug_presence_change *change)
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

/* A list of a room that nobody watches goes straight to who has asked for it. */
static void on_list_done(void *arg, plug_status status, struct plug_str detail)
{
  struct ask *ask = arg;
  report(ask->presence, "a list", status, detail);
  if (!ask->answered)
    ask_ready(ask, status);
}

static void on_list_release(void *arg, plug_status status, struct plug_str detail)
{
  (void)status, (void)detail;
  ask_unref(arg);
}

/* --- the broker's upcalls ----------------------------------------------------------------- */

/* The one who has asked for the list, if he still waits. */
static struct ask *find_ask(struct plug_op *op)
{
  struct ask *ask = op_arg(op, on_list_done);
  return ask && !ask->answered ? ask : NULL;
}

static void on_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                    uint64_t members)
{
  struct room *room = op_arg(op, on_room_done);
  struct ask *ask = room ? NULL : find_ask(op);
  if (room)
    rooms_user(room, user, info, members);
  if (!ask || !user.len || !ask->user || (ask->name_len && !str_eq(user, ask_name(ask))))
    return;
  struct instance_call call;
  if (!ask->instance) {
    ask->user(ask->arg, user, info, members);
  } else if (instance_state(ask->instance) < INSTANCE_STOPPED) {
    instance_call_begin(&call, ask->instance, "presence user");
    ask->user(ask->arg, user, info, members);
    instance_call_end(&call);
  }
}

static void on_total(struct plug_op *op, uint64_t users, uint64_t members, struct plug_position pos)
{
  struct room *room = op_arg(op, on_room_done);
  struct ask *ask = room ? NULL : find_ask(op);
  if (room)
    rooms_total(room, users, pos);
  if (ask) {
    ask->users = users;
    ask->members = members;
  }
}

static void on_changed(void *ctx, const struct plug_presence_change *change)
{
  struct presence *presence = ctx;
  rooms_changed(&presence->rooms, change, clock_now_ms());
  wake(presence);
}

static void on_lost(void *ctx)
{
  struct presence *presence = ctx;
  members_lost(&presence->members);
  rooms_lost(&presence->rooms, clock_now_ms());
  wake(presence);
}

/* --- applications ------------------------------------------------------------------------- */

static bool is_member(const struct presence *presence, const struct plug_member *member)
{
  return member->topic.len && member->member.len && member->user.len &&
         member->info.len <= presence->settings.max_info;
}

static plug_status change_member(const struct plug_host *host, const struct plug_member *member,
                                 bool joins, plug_presence_done_fn done, void *arg)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, joins ? "join" : "leave", &ctx);
  struct presence *presence = ctx;
  if (!instance || presence->draining)
    return PLUG_ESTATE;
  if (joins && !is_member(presence, member)) {
    COUNT(presence_refused);
    return member->info.len > presence->settings.max_info ? PLUG_ETOOBIG : PLUG_EINVAL;
  }
  struct ask *ask = NULL;
  if (done && !(ask = ask_new(presence, instance, str_from(NULL, 0), str_from(NULL, 0), done, arg)))
    return PLUG_ENOMEM;
  plug_status status = joins ? members_join(&presence->members, member, ask ? &ask->wait : NULL)
                             : members_leave(&presence->members, member, ask ? &ask->wait : NULL);
  if (status == PLUG_ETOOBIG)
    COUNT(presence_refused);
  if (ask && status != PLUG_PENDING)
    ask_unref(ask);
  wake(presence);
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

static struct watcher *find_watcher(const struct room *room, const struct plugin_instance *instance)
{
  for (struct list *node = room->watchers.next; node != &room->watchers; node = node->next)
    if (container_of(node, struct watcher, link)->instance == instance)
      return container_of(node, struct watcher, link);
  return NULL;
}

/* Answered when the room is known. */
static void ask_of_room(struct ask *ask, struct room *room)
{
  ask->of_room = true;
  if (room->known)
    ask_ready(ask, PLUG_OK);
  else
    rooms_wait(room, &ask->wait);
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
  if (!topic.len)
    return PLUG_EINVAL;
  struct ask *ask = ask_new(presence, instance, topic, str_from(NULL, 0), done, arg);
  struct watcher *fresh = calloc(1, sizeof *fresh);
  struct room *room = ask && fresh && done ? rooms_watch(&presence->rooms, topic, &status) : NULL;
  if (!room) {
    if (status == PLUG_ETOOBIG)
      COUNT(presence_refused);
    if (ask)
      ask_unref(ask);
    free(fresh);
    return done ? status : PLUG_EINVAL;
  }
  struct watcher *watcher = find_watcher(room, instance);
  if (watcher) {
    free(fresh);
  } else {
    watcher = fresh;
    watcher->instance = instance;
    list_append(&room->watchers, &watcher->link);
  }
  watcher->n++;
  ask_of_room(ask, room);
  wake(presence);
  return PLUG_PENDING;
}

static void app_unwatch(const struct plug_host *host, struct plug_str topic)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, "unwatch", &ctx);
  struct presence *presence = ctx;
  struct room *room = instance ? rooms_find(&presence->rooms, topic) : NULL;
  struct watcher *watcher = room ? find_watcher(room, instance) : NULL;
  if (!watcher)
    return;
  if (--watcher->n == 0) {
    list_remove(&watcher->link);
    free(watcher);
  }
  rooms_unwatch(room);
  wake(presence);
}

static plug_status list_of(struct presence *presence, struct plugin_instance *instance,
                           struct plug_str topic, struct plug_str name, plug_presence_user_fn user,
                           plug_presence_done_fn done, void *arg)
{
  if (!done || !topic.len)
    return PLUG_EINVAL;
  if (presence->draining || !presence->running)
    return PLUG_ESTATE;
  struct ask *ask = ask_new(presence, instance, topic, name, done, arg);
  if (!ask)
    return PLUG_ENOMEM;
  ask->user = user;
  struct room *room = rooms_find(&presence->rooms, topic);
  if (room) {
    ask_of_room(ask, room);
    return PLUG_PENDING;
  }
  struct instance_call call;
  struct plug_op *op = op_new(presence->broker, presence->settings.timeout_ms, on_list_done, ask);
  if (!op) {
    ask_unref(ask);
    return PLUG_ENOMEM;
  }
  op_on_release(op, on_list_release);
  ask->refs++;
  instance_call_begin(&call, presence->broker, "presence list");
  plug_status status =
      op_offered(op, presence->plugin.list(instance_self(presence->broker),
                                           str_from(ask->topic, ask->topic_len), op));
  instance_call_end(&call);
  if (status != PLUG_PENDING) {
    ask_unref(ask);
    ask_ready(ask, status);
  }
  return PLUG_PENDING;
}

static plug_status app_list(const struct plug_host *host, struct plug_str topic,
                            plug_presence_user_fn user, plug_presence_done_fn done, void *arg)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, "list", &ctx);
  return instance ? list_of(ctx, instance, topic, str_from(NULL, 0), user, done, arg) : PLUG_ESTATE;
}

static plug_status app_find(const struct plug_host *host, struct plug_str topic,
                            struct plug_str name, plug_presence_user_fn user,
                            plug_presence_done_fn done, void *arg)
{
  void *ctx = NULL;
  struct plugin_instance *instance = instance_calling(host, "find", &ctx);
  if (instance && !name.len)
    return PLUG_EINVAL;
  return instance ? list_of(ctx, instance, topic, name, user, done, arg) : PLUG_ESTATE;
}

plug_status presence_list(struct presence *presence, struct plug_str topic,
                          plug_presence_user_fn user, plug_presence_done_fn done, void *arg)
{
  return list_of(presence, NULL, topic, str_from(NULL, 0), user, done, arg);
}

static const struct plug_presence presence_table = {
    .size = sizeof presence_table,
    .join = app_join,
    .leave = app_leave,
    .watch = app_watch,
    .unwatch = app_unwatch,
    .list = app_list,
    .find = app_find,
};

/* --- turns -------------------------------------------------------------------------------- */

static void count(struct presence *presence)
{
  const struct rooms *rooms = &presence->rooms;
  int64_t members = (int64_t)presence->members.n_wanted, n_rooms = (int64_t)rooms->map.count;
  uint64_t failed = rooms->n_failed + presence->members.n_failed;
  COUNT_BY(presence_members, members - presence->counted_members);
  COUNT_BY(presence_rooms, n_rooms - presence->counted_rooms);
  COUNT_BY(presence_users, (int64_t)rooms->n_users - presence->counted_users);
  COUNT_BY(presence_changes, rooms->n_changes - presence->counted_changes);
  COUNT_BY(presence_lists, rooms->n_lists - presence->counted_lists);
  COUNT_BY(presence_failed, failed - presence->counted_failed);
  presence->counted_members = members;
  presence->counted_rooms = n_rooms;
  presence->counted_users = (int64_t)rooms->n_users;
  presence->counted_changes = rooms->n_changes;
  presence->counted_lists = rooms->n_lists;
  presence->counted_failed = failed;
}

static void on_timer(uv_timer_t *timer)
{
  pump(timer->data);
}

static void arm(struct presence *presence, uint64_t now_ms)
{
  uint64_t next = members_next_ms(&presence->members);
  uint64_t other = rooms_next_ms(&presence->rooms);
  if (other < next)
    next = other;
  if (next == UINT64_MAX)
    uv_timer_stop(presence->timer);
  else
    uv_timer_start(presence->timer, on_timer, next > now_ms ? next - now_ms : 1, 0);
}

static void pump(struct presence *presence)
{
  uint64_t now_ms = clock_now_ms();
  if (!presence->running)
    return;
  if (instance_state(presence->broker) == INSTANCE_RUNNING) {
    members_pump(&presence->members, now_ms);
    if (!presence->draining)
      rooms_pump(&presence->rooms, now_ms);
  }
  answer_ready(presence);
  if (presence->draining &&
      (members_idle(&presence->members) || presence->members.retry.delay_ms)) {
    presence->running = false;
    sem_post(&presence->drained);
  }
  count(presence);
  arm(presence, now_ms);
}

static void on_turn_end(struct loop_hook *hook)
{
  pump(container_of(hook, struct presence, hook));
}

/* --- life --------------------------------------------------------------------------------- */

static bool has_all(const struct plug_broker_presence *theirs)
{
  return PLUG_HAS(theirs, join) && PLUG_HAS(theirs, leave) && PLUG_HAS(theirs, watch) &&
         PLUG_HAS(theirs, unwatch) && PLUG_HAS(theirs, list) && PLUG_HAS(theirs, restored);
}

struct presence *presence_new(const struct presence_settings *settings,
                              struct plugin_instance *broker, struct loop *loop,
                              plug_status *status)
{
  const struct plug_broker_presence *theirs = instance_extension(broker, PLUG_EXT_BROKER_PRESENCE);
  *status = PLUG_ENOTSUP;
  if (!theirs)
    return NULL;
  if (!has_all(theirs)) {
    log_warn(instance_name(broker), "presence: its table is incomplete, and not used");
    return NULL;
  }
  struct presence *presence = calloc(1, sizeof *presence);
  *status = PLUG_ENOMEM;
  if (!presence)
    return NULL;
  *status = PLUG_OK;
  presence->settings = *settings;
  presence->broker = broker;
  presence->loop = loop;
  memcpy(&presence->plugin, theirs,
         theirs->size < sizeof presence->plugin ? theirs->size : sizeof presence->plugin);
  presence->extension = (struct instance_extension){PLUG_EXT_PRESENCE, &presence_table, presence};
  presence->backend = (struct presence_backend){.join = backend_members,
                                                .leave = backend_members,
                                                .restored = backend_restored,
                                                .watch = backend_watch,
                                                .unwatch = backend_unwatch,
                                                .list = backend_list,
                                                .tell = backend_tell,
                                                .ctx = presence};
  members_init(&presence->members, &presence->backend, settings->max_members);
  rooms_init(&presence->rooms, &presence->backend, settings->max_rooms, settings->settle_ms);
  list_init(&presence->asks);
  list_init(&presence->ready);
  list_init(&presence->telling);
  presence->hook.run = on_turn_end;
  presence->again.run = run_again;
  sem_init(&presence->drained, 0, 0);
  struct instance_presence_up up = {on_user, on_total, on_changed, on_lost, presence};
  instance_set_presence_up(broker, &up);
  return presence;
}

static void start_on_home(void *arg) PLUG_NOEXCEPT
{
  struct presence *presence = arg;
  presence->timer = malloc(sizeof *presence->timer);
  if (!presence->timer)
    return;
  uv_timer_init(loop_uv(presence->loop), presence->timer);
  presence->timer->data = presence;
  loop_add_hook(presence->loop, &presence->hook);
  presence->running = true;
}

bool presence_start(struct presence *presence)
{
  return loop_call_within(presence->loop, start_on_home, presence, START_LIMIT_MS) &&
         presence->running;
}

static void drain_on_home(void *arg) PLUG_NOEXCEPT
{
  struct presence *presence = arg;
  struct list *node;
  presence->draining = true;
  members_leave_all(&presence->members);
  for (node = presence->asks.next; node != &presence->asks;) {
    struct ask *ask = container_of(node, struct ask, link);
    node = node->next;
    list_remove(&ask->wait.link);
    ask_ready(ask, PLUG_ECANCELED);
  }
  wake(presence);
}

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

static void close_on_home(void *arg) PLUG_NOEXCEPT
{
  struct presence *presence = arg;
  answer_ready(presence);
  presence->running = false;
  loop_remove_hook(presence->loop, &presence->hook);
  if (presence->timer)
    uv_close((uv_handle_t *)presence->timer, free_timer);
  presence->timer = NULL;
}

void presence_drain(struct presence *presence, uint64_t deadline_ms)
{
  struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                           .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
  uint64_t now_ms = clock_now_ms();
  uint64_t limit_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
  if (!presence->running || !loop_call_within(presence->loop, drain_on_home, presence, limit_ms))
    return;
  while (sem_clockwait(&presence->drained, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR)
    ;
  loop_call_within(presence->loop, close_on_home, presence, START_LIMIT_MS);
}

static void free_watchers(struct presence *presence)
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

void presence_free(struct presence *presence)
{
  struct list *node;
  /* What was abandoned may still come back into it. */
  if (!presence || instance_state(presence->broker) == INSTANCE_ABANDONED)
    return;
  while ((node = list_first(&presence->asks)) || (node = list_first(&presence->ready))) {
    struct ask *ask = container_of(node, struct ask, link);
    list_remove(node);
    list_remove(&ask->wait.link);
    ask_unref(ask);
  }
  free_watchers(presence);
  members_fini(&presence->members);
  rooms_fini(&presence->rooms);
  sem_destroy(&presence->drained);
  free(presence);
}

const struct instance_extension *presence_extension(const struct presence *presence)
{
  return &presence->extension;
}
