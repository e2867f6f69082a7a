#include "watch_rooms.h"

#include <stdlib.h>

#include "watch_listing.h"
#include "watch_seat.h"
#include "watch_values.h"

/* --- seats in rooms ----------------------------------------------------------------------- */

static void on_watched(void *arg, plug_status status, uint64_t users,
                       uint64_t members) PLUG_NOEXCEPT
{
  struct watch_seat *first = arg;
  struct watch_rooms *rooms = first->rooms;
  struct watch_room *room = first->room;
  (void)status, (void)users, (void)members; /* a failure is tried again: members may join */
  room->watched = true;
  for (struct watch_seat *seat = room->seats, *next; seat; seat = next) {
    next = seat->next;
    watch_seat_take_part(seat);
  }
  watch_seat_unref(first);
  watch_room_unref(rooms, room);
}

static bool watch(struct watch_rooms *rooms, struct watch_seat *seat)
{
  struct watch_room *room = seat->room;
  plug_status status =
      rooms->env.presence->watch(rooms->env.host, room->entry.name, on_watched, seat);
  if (status == PLUG_PENDING) {
    seat->refs++;
    room->refs++;
    return true;
  }
  watch_env_complain(&rooms->env, room->section, "a room is not watched",
                     status == PLUG_ETOOBIG ? "a limit of [presence] is reached" : "it is refused");
  watch_env_count(&rooms->env, rooms->env.n_ignored, 1);
  return false;
}

/* A seat for the session, in a room that is watched. NULL: it cannot be had. */
static struct watch_seat *take_seat(struct watch_rooms *rooms, const struct watch_section *section,
                                    struct plug_str topic, const struct plug_str *variables,
                                    const char *variables_text, const struct plug_app_event *event)
{
  struct watch_room *room = watch_room_find(rooms, topic);
  if (!room && !(room = watch_room_new(rooms, section, topic, variables, variables_text)))
    return NULL;
  bool is_first = !room->seats;
  room->refs++;
  struct watch_seat *seat = watch_seat_new(rooms, room, event);
  if (seat && is_first) {
    room->watched = false;
    if (!watch(rooms, seat)) {
      watch_seat_give_up(seat, false); /* there is nothing to unwatch */
      seat = NULL;
    }
  }
  watch_room_unref(rooms, room);
  return seat;
}

void watch_rooms_event(struct watch_rooms *rooms, const struct plug_app_event *event)
{
  const struct watch_section *section = &rooms->sections[event->watch];
  struct plug_str variables[PLUG_APP_VARIABLES_MAX];
  struct route_refusal refusal;
  char *text = NULL, *topic = NULL;
  size_t len;
  if (event->kind != PLUG_APP_SUBSCRIBED && event->kind != PLUG_APP_UNSUBSCRIBED)
    return; /* the end of all subscriptions has been told */
  if (watch_section_variables(section, event->variables, event->n_variables, NULL, variables, &text,
                              &refusal))
    topic = watch_values_fill(section, variables, section->topic, &len);
  else if (refusal.code && event->kind == PLUG_APP_SUBSCRIBED)
    watch_env_count(&rooms->env, rooms->env.n_ignored, 1);
  struct watch_seat *seat =
      topic ? watch_seat_find(rooms, event->session, route_slice(topic, len)) : NULL;
  if (topic && event->kind == PLUG_APP_SUBSCRIBED) {
    if (!seat)
      seat = take_seat(rooms, section, route_slice(topic, len), variables, text, event);
    if (seat) {
      seat->n_subscriptions++;
      watch_seat_end_linger(seat);
      if (!(event->flags & PLUG_APP_STANDING)) /* it has got its own when it began */
        watch_seat_add_snapshot(seat, event);
      if (seat->room->watched)
        watch_seat_take_part(seat);
    }
  } else if (seat && seat->n_subscriptions) {
    watch_seat_drop_snapshot(seat, event);
    if (--seat->n_subscriptions == 0 && section->linger_ms)
      watch_seat_linger(seat);
    else if (seat->n_subscriptions == 0)
      watch_seat_give_up(seat, true);
  }
  free(topic);
  free(text);
}

/* --- what else is asked and told ---------------------------------------------------------- */

void watch_rooms_changed(struct watch_rooms *rooms, const struct plug_presence_change *change)
{
  struct watch_room *room = watch_room_find(rooms, change->topic);
  if (room && room->seats)
    watch_room_changed(rooms, room, change);
}

/* --- time --------------------------------------------------------------------------------- */

static void tick(void *arg) PLUG_NOEXCEPT
{
  struct watch_rooms *rooms = arg;
  uint64_t now_ms = watch_env_now_ms(&rooms->env), next = UINT64_MAX;
  rooms->env.timer_at_ms = UINT64_MAX;
  watch_room_send_waiting(rooms, now_ms);
  if (rooms->waiting)
    next = now_ms + WATCH_TICK_MS;
  for (size_t i = 0; i < rooms->n_sections; i++) {
    struct watch_seat *seat;
    while ((seat = rooms->lingering[i].first) && seat->leave_at_ms <= now_ms) {
      watch_seat_end_linger(seat);
      watch_seat_give_up(seat, true);
    }
    if (seat && seat->leave_at_ms < next)
      next = seat->leave_at_ms;
  }
  if (next != UINT64_MAX)
    watch_env_arm(&rooms->env, next);
}

/* --- life --------------------------------------------------------------------------------- */

bool watch_rooms_init(struct watch_rooms *rooms, const struct plug_host *host,
                      const struct watch_section *sections, size_t n_sections)
{
  *rooms = (struct watch_rooms){.sections = sections, .n_sections = n_sections};
  watch_env_init(&rooms->env, host);
  name_map_init(&rooms->rooms);
  name_map_init(&rooms->seats);
  rooms->lingering = calloc(n_sections, sizeof *rooms->lingering);
  return rooms->lingering != NULL;
}

bool watch_rooms_start(struct watch_rooms *rooms)
{
  return watch_env_start(&rooms->env, tick, rooms);
}

void watch_rooms_drain(struct watch_rooms *rooms)
{
  watch_room_send_waiting(rooms, UINT64_MAX);
}

/* Here and not in fini: after stop nothing may be counted any more. */
void watch_rooms_stop(struct watch_rooms *rooms)
{
  struct name_iter it = {0};
  struct name_entry *entry;
  watch_env_stop(&rooms->env);
  while ((entry = name_map_next(&rooms->seats, &it)))
    watch_seat_give_up(NAME_OWNER(entry, struct watch_seat, entry), false);
}

void watch_rooms_fini(struct watch_rooms *rooms)
{
  name_map_fini(&rooms->seats);
  name_map_fini(&rooms->rooms);
  free(rooms->lingering);
}
