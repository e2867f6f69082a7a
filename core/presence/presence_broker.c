#include "presence/presence_broker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "plugin/op.h"

#define REPORT_PERIOD_MS 10000

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

static plug_status backend_change(void *ctx, const struct plug_member *v, size_t n,
                                  struct members_batch *batch)
{
  struct presence *presence = ctx;
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

static void on_list_done(void *arg, plug_status status, struct plug_str detail)
{
  struct presence_ask *ask = arg;
  report(ask->presence, "a list", status, detail);
  if (!ask->answered)
    presence_ask_ready(ask, status);
}

static void on_list_release(void *arg, plug_status status, struct plug_str detail)
{
  (void)status, (void)detail;
  presence_ask_unref(arg);
}

bool presence_broker_list(struct presence_ask *ask)
{
  struct presence *presence = ask->presence;
  struct instance_call call;
  struct plug_op *op = op_new(presence->broker, presence->settings.timeout_ms, on_list_done, ask);
  if (!op)
    return false;
  op_on_release(op, on_list_release);
  ask->refs++;
  instance_call_begin(&call, presence->broker, "presence list");
  plug_status status =
      op_offered(op, presence->plugin.list(instance_self(presence->broker),
                                           str_from(ask->topic, ask->topic_len), op));
  instance_call_end(&call);
  if (status != PLUG_PENDING) {
    presence_ask_unref(ask);
    presence_ask_ready(ask, status);
  }
  return true;
}

/* --- the broker's upcalls ----------------------------------------------------------------- */

/* The one who has asked for the list, if he still waits. */
static struct presence_ask *find_ask(struct plug_op *op)
{
  struct presence_ask *ask = op_arg(op, on_list_done);
  return ask && !ask->answered ? ask : NULL;
}

static void on_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                    uint64_t members)
{
  struct room *room = op_arg(op, on_room_done);
  struct presence_ask *ask = room ? NULL : find_ask(op);
  if (room)
    rooms_user(room, user, info);
  if (!ask || !user.len || !ask->user || (ask->name_len && !str_eq(user, presence_ask_name(ask))))
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
  struct presence_ask *ask = room ? NULL : find_ask(op);
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
  presence_wake(presence);
}

static void on_lost(void *ctx)
{
  struct presence *presence = ctx;
  members_lost(&presence->members);
  rooms_lost(&presence->rooms, clock_now_ms());
  presence_wake(presence);
}

/* --- life --------------------------------------------------------------------------------- */

static bool has_all(const struct plug_broker_presence *theirs)
{
  return PLUG_HAS(theirs, join) && PLUG_HAS(theirs, leave) && PLUG_HAS(theirs, watch) &&
         PLUG_HAS(theirs, unwatch) && PLUG_HAS(theirs, list) && PLUG_HAS(theirs, restored);
}

bool presence_broker_has(const struct plugin_instance *broker)
{
  const struct plug_broker_presence *theirs = instance_extension(broker, PLUG_EXT_BROKER_PRESENCE);
  if (theirs && !has_all(theirs))
    log_warn(instance_name(broker), "presence: its table is incomplete, and not used");
  return theirs && has_all(theirs);
}

static void take_table(struct presence *presence)
{
  const struct plug_broker_presence *theirs =
      instance_extension(presence->broker, PLUG_EXT_BROKER_PRESENCE);
  presence->plugin = (struct plug_broker_presence){0};
  memcpy(&presence->plugin, theirs,
         theirs->size < sizeof presence->plugin ? theirs->size : sizeof presence->plugin);
}

static const struct instance_presence_up presence_up = {on_user, on_total, on_changed, on_lost,
                                                        NULL};

static void listen_to(struct presence *presence)
{
  struct instance_presence_up up = presence_up;
  up.ctx = presence;
  instance_set_presence_up(presence->broker, &up);
}

void presence_broker_init(struct presence *presence)
{
  take_table(presence);
  presence->backend = (struct presence_backend){.change = backend_change,
                                                .restored = backend_restored,
                                                .watch = backend_watch,
                                                .unwatch = backend_unwatch,
                                                .list = backend_list,
                                                .ctx = presence};
  listen_to(presence);
}

static void ignore_change(void *ctx, const struct plug_presence_change *change)
{
  (void)ctx, (void)change;
}

static void ignore_loss(void *ctx)
{
  (void)ctx;
}

void presence_broker_change(struct presence *presence, struct plugin_instance *broker)
{
  /* Lists that the old one still answers are as good as ever. */
  struct instance_presence_up up = presence_up;
  up.ctx = presence;
  up.changed = ignore_change;
  up.lost = ignore_loss;
  if (!presence->off)
    instance_set_presence_up(presence->broker, &up);
  presence->broker = broker;
  presence->off = !presence_broker_has(broker);
  if (presence->off)
    return;
  take_table(presence);
  listen_to(presence);
  on_lost(presence);
}
