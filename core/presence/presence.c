#include "presence/presence.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/str.h"
#include "presence/presence_apps.h"
#include "presence/presence_ask.h"
#include "presence/presence_broker.h"

#define START_LIMIT_MS 10000

static void pump(struct presence *presence);

/* --- lists -------------------------------------------------------------------------------- */

plug_status presence_list_for(struct presence *presence, struct plugin_instance *instance,
                              struct plug_str topic, struct plug_str name,
                              plug_presence_user_fn user, plug_presence_done_fn done, void *arg)
{
  if (!done || !topic.len)
    return PLUG_EINVAL;
  if (presence->draining || !presence->running)
    return PLUG_ESTATE;
  if (presence->off)
    return PLUG_ENOTSUP;
  struct presence_ask *ask = presence_ask_new(presence, instance, topic, name, done, arg);
  if (!ask)
    return PLUG_ENOMEM;
  ask->user = user;
  struct room *room = rooms_find(&presence->rooms, topic);
  if (room) {
    presence_ask_of_room(ask, room);
    return PLUG_PENDING;
  }
  if (!presence_broker_list(ask)) {
    presence_ask_unref(ask);
    return PLUG_ENOMEM;
  }
  return PLUG_PENDING;
}

plug_status presence_list(struct presence *presence, struct plug_str topic,
                          plug_presence_user_fn user, plug_presence_done_fn done, void *arg)
{
  return presence_list_for(presence, NULL, topic, str_from(NULL, 0), user, done, arg);
}

/* --- turns -------------------------------------------------------------------------------- */

/* Another turn of the loop, at whose end the hook runs. */
static void run_again(struct loop_task *task)
{
  container_of(task, struct presence, again)->again_posted = false;
}

void presence_wake(struct presence *presence)
{
  if (presence->again_posted)
    return;
  presence->again_posted = true;
  loop_post_task(presence->loop, &presence->again);
}

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
  if (!presence->off && instance_state(presence->broker) == INSTANCE_RUNNING) {
    members_pump(&presence->members, now_ms);
    if (!presence->draining)
      rooms_pump(&presence->rooms, now_ms);
  }
  presence_asks_tell(presence);
  if (presence->draining &&
      (presence->off || members_idle(&presence->members) || presence->members.retry.delay_ms)) {
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

struct presence *presence_new(const struct presence_settings *settings,
                              struct plugin_instance *broker, struct loop *loop,
                              plug_status *status)
{
  *status = PLUG_ENOTSUP;
  if (!presence_broker_has(broker))
    return NULL;
  struct presence *presence = calloc(1, sizeof *presence);
  *status = PLUG_ENOMEM;
  if (!presence)
    return NULL;
  *status = PLUG_OK;
  presence->settings = *settings;
  presence->broker = broker;
  presence->loop = loop;
  presence->extension = (struct instance_extension){PLUG_EXT_PRESENCE, &presence_apps_table,
                                                    presence, presence_apps_forget};
  members_init(&presence->members, &presence->backend, settings->max_members);
  rooms_init(&presence->rooms, &presence->backend, settings->max_rooms, settings->settle_ms);
  list_init(&presence->asks);
  list_init(&presence->ready);
  list_init(&presence->telling);
  presence->hook.run = on_turn_end;
  presence->again.run = run_again;
  sem_init(&presence->drained, 0, 0);
  presence_broker_init(presence);
  presence->backend.tell = presence_apps_tell;
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
  presence->draining = true;
  members_leave_all(&presence->members);
  presence_asks_cancel(presence, PLUG_ECANCELED);
  presence_wake(presence);
}

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

static void close_on_home(void *arg) PLUG_NOEXCEPT
{
  struct presence *presence = arg;
  presence_asks_tell(presence);
  presence->running = false;
  loop_remove_hook(presence->loop, &presence->hook);
  if (presence->timer)
    uv_close((uv_handle_t *)presence->timer, free_timer);
  presence->timer = NULL;
}

void presence_drain(struct presence *presence, uint64_t deadline_ms)
{
  struct timespec until = clock_timespec(deadline_ms);
  uint64_t now_ms = clock_now_ms();
  uint64_t limit_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
  if (!presence->running)
    return;
  if (!loop_call_within(presence->loop, drain_on_home, presence, limit_ms)) {
    instance_give_up(presence->broker); /* what is open at home stays so */
    return;
  }
  while (sem_clockwait(&presence->drained, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR)
    ;
  if (!loop_call_within(presence->loop, close_on_home, presence, START_LIMIT_MS))
    instance_give_up(presence->broker);
}

void presence_free(struct presence *presence)
{
  /* What was abandoned may still come back into it. */
  if (!presence || instance_state(presence->broker) == INSTANCE_ABANDONED)
    return;
  presence_asks_free(presence);
  presence_apps_free(presence);
  members_fini(&presence->members);
  rooms_fini(&presence->rooms);
  sem_destroy(&presence->drained);
  free(presence);
}

const struct instance_extension *presence_extension(const struct presence *presence)
{
  return &presence->extension;
}
