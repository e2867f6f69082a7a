#include "watch_seat.h"

#include <stdlib.h>
#include <string.h>

#include "watch_listing.h"
#include "watch_values.h"

/* --- life --------------------------------------------------------------------------------- */

/* What is said about the member. False: it is refused, or there is no memory. */
static bool make_info(struct watch_seat *seat, const struct plug_app_event *event)
{
  const struct watch_section *section = seat->room->section;
  struct route_values values = watch_values(section, seat->room->variables);
  struct route_refusal refusal;
  if (!section->info)
    return true;
  values.who = event->who;
  values.session = event->session_id;
  seat->info = route_template_fill(section->info, &values, &seat->member.info.len, &refusal);
  seat->member.info.ptr = seat->info;
  if (!seat->info)
    watch_env_complain(&seat->rooms->env, section, "a session is not counted",
                       refusal.code ? refusal.reason : "out of memory");
  return seat->info != NULL;
}

static struct plug_str put(char **at, struct plug_str s)
{
  struct plug_str copy = route_slice(*at, s.len);
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

struct watch_seat *watch_seat_new(struct watch_rooms *rooms, struct watch_room *room,
                                  const struct plug_app_event *event)
{
  struct plug_str topic = room->entry.name;
  struct plug_str user = event->who ? event->who->user : event->session_id;
  struct watch_seat *seat = calloc(1, sizeof *seat + sizeof event->session + topic.len +
                                          event->session_id.len + user.len);
  if (!seat)
    return NULL;
  char *at = seat->text;
  put(&at, route_slice((const char *)&event->session, sizeof event->session));
  seat->member.topic = put(&at, topic);
  seat->entry.name = route_slice(seat->text, sizeof event->session + topic.len);
  seat->member.member = put(&at, event->session_id);
  seat->member.user = put(&at, user);
  seat->rooms = rooms;
  seat->room = room;
  seat->refs = 1;
  if (!name_map_add(&rooms->seats, &seat->entry)) {
    free(seat);
    return NULL;
  }
  seat->next = room->seats;
  if (seat->next)
    seat->next->prev = seat;
  room->seats = seat;
  room->refs++;
  watch_env_count(&rooms->env, rooms->env.n_seats, 1);
  seat->counted = (event->who || room->section->anonymous) && make_info(seat, event);
  if (!seat->counted && (event->who || room->section->anonymous))
    watch_env_count(&rooms->env, rooms->env.n_ignored, 1);
  return seat;
}

struct watch_seat *watch_seat_find(const struct watch_rooms *rooms, uint64_t session,
                                   struct plug_str topic)
{
  char *key = malloc(sizeof session + topic.len);
  if (!key)
    return NULL;
  memcpy(key, &session, sizeof session);
  memcpy(key + sizeof session, topic.ptr, topic.len);
  struct name_entry *entry =
      name_map_find(&rooms->seats, route_slice(key, sizeof session + topic.len));
  free(key);
  return entry ? NAME_OWNER(entry, struct watch_seat, entry) : NULL;
}

void watch_seat_unref(struct watch_seat *seat)
{
  if (--seat->refs)
    return;
  watch_snapshots_free(&seat->snapshots);
  free(seat->info);
  free(seat->info_there);
  free(seat);
}

void watch_seat_give_up(struct watch_seat *seat, bool tell)
{
  struct watch_rooms *rooms = seat->rooms;
  struct watch_room *room = seat->room;
  if (seat->asked && tell)
    rooms->env.presence->leave(rooms->env.host, &seat->member, NULL, NULL);
  if (seat->prev)
    seat->prev->next = seat->next;
  else
    room->seats = seat->next;
  if (seat->next)
    seat->next->prev = seat->prev;
  if (!room->seats && tell)
    rooms->env.presence->unwatch(rooms->env.host, room->entry.name);
  name_map_remove(&rooms->seats, &seat->entry);
  watch_env_count(&rooms->env, rooms->env.n_seats, -1);
  seat->given_up = true;
  watch_seat_unref(seat);
  watch_room_unref(rooms, room);
}

/* --- taking part -------------------------------------------------------------------------- */

/* Those who wait at the seat get the list from now on. */
static void want_snapshots(struct watch_seat *seat)
{
  if (!seat->snapshots)
    return;
  watch_snapshots_move(&seat->room->snapshots, &seat->snapshots);
  watch_listing_begin(seat->rooms, seat->room);
}

/* The backend is away or slow: the server goes on trying. */
static bool is_passing(plug_status status)
{
  return status == PLUG_EUNAVAIL || status == PLUG_ECANCELED || status == PLUG_ETIMEDOUT ||
         status == PLUG_ESTATE || status == PLUG_ENOMEM;
}

static void end_join(struct watch_seat *seat, plug_status refusal)
{
  struct watch_rooms *rooms = seat->rooms;
  if (refusal != PLUG_OK) {
    seat->counted = false;
    watch_env_count(&rooms->env, rooms->env.n_ignored, 1);
    watch_env_complain(&rooms->env, seat->room->section, "a session is not counted",
                       refusal == PLUG_ETOOBIG ? "a limit of [presence] is reached"
                                               : "it is refused");
  }
  want_snapshots(seat);
}

static void on_joined(void *arg, plug_status status, uint64_t users, uint64_t members) PLUG_NOEXCEPT
{
  struct watch_seat *seat = arg;
  (void)users, (void)members;
  seat->joined = true;
  if (!seat->given_up) /* else its room may be gone, and it has left */
    end_join(seat, is_passing(status) ? PLUG_OK : status);
  watch_seat_unref(seat);
}

static void join(struct watch_seat *seat)
{
  struct watch_rooms *rooms = seat->rooms;
  plug_status status = rooms->env.presence->join(rooms->env.host, &seat->member, on_joined, seat);
  if (status == PLUG_PENDING) {
    seat->asked = true;
    seat->refs++;
    return;
  }
  seat->asked = seat->joined = status == PLUG_OK;
  end_join(seat, status); /* what is refused at once is not tried again, for whatever reason */
}

static void on_there(void *arg, struct plug_str user, struct plug_str info,
                     uint64_t members) PLUG_NOEXCEPT
{
  struct watch_seat *seat = arg;
  (void)user, (void)members;
  free(seat->info_there);
  seat->info_there = malloc(info.len + 1);
  seat->was_there = seat->info_there != NULL;
  seat->info_there_len = info.len;
  if (seat->was_there && info.len)
    memcpy(seat->info_there, info.ptr, info.len);
}

/* Its user is there already, so that the room hears nothing of another session: it alone does. */
static void greet(struct watch_seat *seat, uint64_t users)
{
  struct watch_room *room = seat->room;
  struct watch_event event = {PLUG_PRESENCE_JOINED, seat->member.user,
                              route_slice(seat->info_there, seat->info_there_len), users, 1};
  struct route_refusal refusal;
  size_t len;
  char *text = watch_room_make_event(room, &event, &len, &refusal);
  if (text)
    watch_snapshots_send(seat->snapshots, &seat->rooms->env, room->section, room->entry.name,
                         route_slice(text, len));
  free(text);
}

static void on_found(void *arg, plug_status status, uint64_t users, uint64_t members) PLUG_NOEXCEPT
{
  struct watch_seat *seat = arg;
  (void)members;
  seat->is_asked_for = false;
  if (!seat->given_up) {
    if (status == PLUG_OK && seat->was_there)
      greet(seat, users);
    watch_snapshots_free(&seat->snapshots);
    if (!seat->asked && seat->rooms->env.timer)
      join(seat);
  }
  watch_seat_unref(seat);
}

/* Before it joins: otherwise the room is told. */
static void find_user(struct watch_seat *seat)
{
  struct watch_rooms *rooms = seat->rooms;
  if (seat->is_asked_for)
    return;
  seat->was_there = false;
  seat->is_asked_for =
      rooms->env.presence->find(rooms->env.host, seat->room->entry.name, seat->member.user,
                                on_there, on_found, seat) == PLUG_PENDING;
  if (seat->is_asked_for) {
    seat->refs++;
    return;
  }
  watch_snapshots_free(&seat->snapshots);
  if (!seat->asked)
    join(seat);
}

void watch_seat_take_part(struct watch_seat *seat)
{
  enum watch_snapshot_kind snapshot = seat->room->section->snapshot;
  if (snapshot == WATCH_JOIN && seat->counted)
    find_user(seat);
  else if (seat->counted && !seat->asked)
    join(seat);
  else if (!seat->counted || seat->joined)
    want_snapshots(seat);
}

/* --- lingering ---------------------------------------------------------------------------- */

void watch_seat_end_linger(struct watch_seat *seat)
{
  struct watch_queue *queue = &seat->rooms->lingering[seat->room->section - seat->rooms->sections];
  if (!seat->lingers)
    return;
  if (seat->earlier)
    seat->earlier->later = seat->later;
  else
    queue->first = seat->later;
  if (seat->later)
    seat->later->earlier = seat->earlier;
  else
    queue->last = seat->earlier;
  seat->later = seat->earlier = NULL;
  seat->lingers = false;
}

void watch_seat_linger(struct watch_seat *seat)
{
  struct watch_rooms *rooms = seat->rooms;
  const struct watch_section *section = seat->room->section;
  struct watch_queue *queue = &rooms->lingering[section - rooms->sections];
  seat->leave_at_ms = watch_env_now_ms(&rooms->env) + section->linger_ms;
  seat->lingers = true;
  seat->earlier = queue->last;
  if (queue->last)
    queue->last->later = seat;
  else
    queue->first = seat;
  queue->last = seat;
  watch_env_arm(&rooms->env, seat->leave_at_ms);
}

void watch_seat_add_snapshot(struct watch_seat *seat, const struct plug_app_event *event)
{
  enum watch_snapshot_kind kind = seat->room->section->snapshot;
  if (kind == WATCH_LIST || (kind == WATCH_JOIN && seat->counted))
    watch_snapshots_add(&seat->snapshots, event->session, event->subscription);
}

void watch_seat_drop_snapshot(struct watch_seat *seat, const struct plug_app_event *event)
{
  watch_snapshots_drop(&seat->snapshots, event->session, event->subscription);
  watch_snapshots_drop(&seat->room->snapshots, event->session, event->subscription);
}
