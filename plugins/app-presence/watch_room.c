#include "watch_room.h"

#include <stdlib.h>
#include <string.h>

#include "watch_values.h"

struct watch_room *watch_room_new(struct watch_rooms *rooms, const struct watch_section *section,
                                  struct plug_str topic, const struct plug_str *variables,
                                  const char *variables_text)
{
  struct watch_room *room = calloc(1, sizeof *room + topic.len);
  size_t bytes = 1;
  if (!room)
    return NULL;
  memcpy(room->text, topic.ptr, topic.len);
  room->entry.name = route_slice(room->text, topic.len);
  room->section = section;
  for (size_t i = 0; i < section->path.n; i++)
    bytes += variables[i].len;
  room->variables_text = malloc(bytes);
  room->destination = watch_values_fill(
      section, variables, section->destination ? section->destination : section->topic,
      &room->destination_len);
  if (room->variables_text && room->destination &&
      watch_events_init(&room->events, section->max_events) &&
      name_map_add(&rooms->rooms, &room->entry)) {
    memcpy(room->variables_text, variables_text, bytes - 1);
    for (size_t i = 0; i < section->path.n; i++)
      room->variables[i] =
          route_slice(room->variables_text + (variables[i].ptr - variables_text), variables[i].len);
    watch_env_count(&rooms->env, rooms->env.n_rooms, 1);
    return room;
  }
  watch_events_fini(&room->events);
  free(room->variables_text);
  free(room->destination);
  free(room);
  return NULL;
}

void watch_room_unref(struct watch_rooms *rooms, struct watch_room *room)
{
  if (--room->refs)
    return;
  struct watch_room **link = &rooms->waiting;
  while (room->waits && *link != room)
    link = &(*link)->next_waiting;
  if (room->waits)
    *link = room->next_waiting;
  name_map_remove(&rooms->rooms, &room->entry);
  watch_env_count(&rooms->env, rooms->env.n_rooms, -1);
  watch_events_fini(&room->events);
  watch_snapshots_free(&room->snapshots);
  free(room->destination);
  free(room->variables_text);
  free(room);
}

struct watch_room *watch_room_find(const struct watch_rooms *rooms, struct plug_str topic)
{
  struct name_entry *entry = name_map_find(&rooms->rooms, topic);
  return entry ? NAME_OWNER(entry, struct watch_room, entry) : NULL;
}

char *watch_room_make_event(const struct watch_room *room, const struct watch_event *event,
                            size_t *len, struct route_refusal *refusal)
{
  const struct watch_section *section = room->section;
  struct route_values values = watch_values(section, room->variables);
  refusal->code = NULL;
  values.roots[WATCH_USER] = json_stringn(event->user.ptr, event->user.len);
  values.roots[WATCH_INFO] = watch_values_info(event->info);
  values.roots[WATCH_COUNT] = json_integer((json_int_t)event->users);
  values.roots[WATCH_MERGED] = json_integer((json_int_t)event->merged);
  const struct route_template *template =
      event->kind == PLUG_PRESENCE_JOINED ? section->join : section->leave;
  char *text = route_template_fill(template, &values, len, refusal);
  for (size_t i = 0; i < ROUTE_ROOTS_MAX; i++)
    json_decref(values.roots[i]);
  return text;
}

static void send_event(struct watch_rooms *rooms, struct watch_room *room,
                       const struct watch_event *event)
{
  const struct watch_section *section = room->section;
  struct route_refusal refusal;
  size_t len;
  char *text = watch_room_make_event(room, event, &len, &refusal);
  plug_status status =
      text ? watch_env_publish(&rooms->env, section,
                               route_slice(room->destination, room->destination_len),
                               route_slice(text, len), 0, route_str(""))
           : PLUG_EINVAL;
  if (status != PLUG_OK)
    watch_env_complain(&rooms->env, section, "cannot tell of a change",
                       refusal.code ? refusal.reason : "refused");
  watch_env_count(&rooms->env, rooms->env.n_events, status == PLUG_OK);
  watch_env_count(&rooms->env, rooms->env.n_merged, (int64_t)event->merged - 1);
  free(text);
}

void watch_room_changed(struct watch_rooms *rooms, struct watch_room *room,
                        const struct plug_presence_change *change)
{
  struct watch_event event;
  if (watch_events_offer(&room->events, change, watch_env_now_ms(&rooms->env), &event)) {
    send_event(rooms, room, &event);
  } else if (!room->waits) {
    room->waits = true;
    room->next_waiting = rooms->waiting;
    rooms->waiting = room;
    watch_env_arm(&rooms->env, watch_env_now_ms(&rooms->env) + WATCH_TICK_MS);
  }
}

void watch_room_send_waiting(struct watch_rooms *rooms, uint64_t now_ms)
{
  struct watch_room **link = &rooms->waiting, *room;
  struct watch_event event;
  while ((room = *link)) {
    if (watch_events_due(&room->events, now_ms, &event))
      send_event(rooms, room, &event);
    if (room->events.waits) {
      link = &room->next_waiting;
    } else {
      *link = room->next_waiting;
      room->waits = false;
    }
  }
}
