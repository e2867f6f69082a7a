#include "watch_rooms.h"

#include <plugboard/ext/presence.h>

#include <stdio.h>
#include <stdlib.h>

#include "watch_list.h"

#define TICK_MS 50 /* how late an event that waits may be */

struct watch_room {
  struct name_entry entry; /* by the watched destination, in text */
  const struct watch_section *section;
  unsigned refs; /* seats, and answers that are awaited */
  bool watched;  /* the answer to watch is there */
  bool is_listing, waits;
  struct watch_room *next_waiting;
  struct watch_seat *seats;
  struct snapshot *snapshots; /* for whom a list is to be asked */
  struct watch_events events;
  char *destination;
  size_t destination_len;
  char *variables_text;
  struct plug_str variables[PLUG_APP_VARIABLES_MAX];
  char text[];
};

struct watch_seat {
  struct name_entry entry; /* by the session's number and the room, in text */
  struct watch_rooms *rooms;
  struct watch_room *room;
  struct watch_seat *next, *prev;     /* of the room */
  struct watch_seat *later, *earlier; /* of those that linger */
  unsigned refs;                      /* the map's, and answers that are awaited */
  size_t n_subscriptions;
  bool counted, asked, joined, lingers, given_up;
  bool is_asked_for; /* whether its user is there is being found out, for WATCH_JOIN */
  bool was_there;
  uint64_t leave_at_ms;
  struct snapshot *snapshots; /* until it has joined */
  struct plug_member member;  /* its texts are in text; info is for free() */
  char *info;
  char *info_there; /* of its user, when was_there */
  size_t info_there_len;
  char text[];
};

/* Somebody who is to get the list. */
struct snapshot {
  struct snapshot *next;
  uint64_t session;
  size_t len;
  char subscription[];
};

/* A list that has been asked for. */
struct listing {
  struct watch_rooms *rooms;
  struct watch_room *room;    /* of snapshots, or NULL */
  struct snapshot *snapshots; /* likewise */
  struct plug_op *op;         /* of a request */
  const struct watch_section *section;
  struct watch_list list;
  char *variables_text, *topic;
  struct plug_str variables[PLUG_APP_VARIABLES_MAX];
};

static void tick(void *arg) PLUG_NOEXCEPT;

static void count(const struct watch_rooms *rooms, struct plug_metric *metric, int64_t by)
{
  if (metric)
    rooms->metrics->add(metric, by);
}

static uint64_t now_of(const struct watch_rooms *rooms)
{
  return rooms->host->now_ms(rooms->host);
}

static void complain(const struct watch_rooms *rooms, const struct watch_section *section,
                     const char *what, const char *why)
{
  char line[400];
  if (!rooms->host->log_on(rooms->host, PLUG_LOG_INFO))
    return;
  int n = snprintf(line, sizeof line, "[%s] %s: %s", section->name, what, why);
  rooms->host->log(rooms->host, PLUG_LOG_INFO,
                   route_slice(line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1));
}

/* --- life --------------------------------------------------------------------------------- */

bool watch_rooms_init(struct watch_rooms *rooms, const struct plug_host *host,
                      const struct watch_section *sections, size_t n_sections)
{
  *rooms = (struct watch_rooms){.host = host,
                                .presence = host->extension(host, PLUG_EXT_PRESENCE),
                                .metrics = host->extension(host, PLUG_EXT_METRICS),
                                .sections = sections,
                                .n_sections = n_sections,
                                .timer_at_ms = UINT64_MAX};
  name_map_init(&rooms->rooms);
  name_map_init(&rooms->seats);
  rooms->lingering = calloc(n_sections, sizeof *rooms->lingering);
  const struct plug_metrics *metrics = rooms->metrics;
  if (metrics) {
    rooms->n_rooms = metrics->gauge(host, "rooms", "rooms with a session of this node");
    rooms->n_seats = metrics->gauge(host, "seats", "sessions of this node in rooms");
    rooms->n_events = metrics->counter(host, "events", "joins and leaves told to rooms");
    rooms->n_merged = metrics->counter(host, "merged", "joins and leaves merged over max-events");
    rooms->n_ignored = metrics->counter(host, "ignored", "subscriptions that could not be counted");
  }
  return rooms->lingering != NULL;
}

bool watch_rooms_start(struct watch_rooms *rooms)
{
  rooms->timer = rooms->host->timer_new(rooms->host, tick, rooms);
  return rooms->timer != NULL;
}

void watch_rooms_stop(struct watch_rooms *rooms)
{
  if (rooms->timer)
    rooms->host->timer_free(rooms->timer);
  rooms->timer = NULL;
}

static void arm(struct watch_rooms *rooms, uint64_t at_ms)
{
  uint64_t now_ms = now_of(rooms);
  if (at_ms >= rooms->timer_at_ms || !rooms->timer)
    return;
  rooms->timer_at_ms = at_ms;
  rooms->host->timer_set(rooms->timer, at_ms > now_ms ? at_ms - now_ms : 1);
}

static void snapshots_free(struct snapshot **list)
{
  while (*list) {
    struct snapshot *snapshot = *list;
    *list = snapshot->next;
    free(snapshot);
  }
}

static void room_unref(struct watch_rooms *rooms, struct watch_room *room)
{
  if (--room->refs)
    return;
  struct watch_room **link = &rooms->waiting;
  while (room->waits && *link != room)
    link = &(*link)->next_waiting;
  if (room->waits)
    *link = room->next_waiting;
  name_map_remove(&rooms->rooms, &room->entry);
  count(rooms, rooms->n_rooms, -1);
  watch_events_fini(&room->events);
  snapshots_free(&room->snapshots);
  free(room->destination);
  free(room->variables_text);
  free(room);
}

static void seat_unref(struct watch_seat *seat)
{
  if (--seat->refs)
    return;
  snapshots_free(&seat->snapshots);
  free(seat->info);
  free(seat->info_there);
  free(seat);
}

/* It leaves the room, and with the last seat the room is left alone. */
static void give_up(struct watch_seat *seat, bool tell)
{
  struct watch_rooms *rooms = seat->rooms;
  struct watch_room *room = seat->room;
  if (seat->asked && tell)
    rooms->presence->leave(rooms->host, &seat->member, NULL, NULL);
  if (seat->prev)
    seat->prev->next = seat->next;
  else
    room->seats = seat->next;
  if (seat->next)
    seat->next->prev = seat->prev;
  if (!room->seats && tell)
    rooms->presence->unwatch(rooms->host, room->entry.name);
  name_map_remove(&rooms->seats, &seat->entry);
  count(rooms, rooms->n_seats, -1);
  seat->given_up = true;
  seat_unref(seat);
  room_unref(rooms, room);
}

void watch_rooms_fini(struct watch_rooms *rooms)
{
  struct name_iter it = {0};
  struct name_entry *entry;
  while ((entry = name_map_next(&rooms->seats, &it)))
    give_up(NAME_OWNER(entry, struct watch_seat, entry), false);
  name_map_fini(&rooms->seats);
  name_map_fini(&rooms->rooms);
  free(rooms->lingering);
}

/* --- what a room is told ------------------------------------------------------------------ */

static plug_status publish(const struct watch_rooms *rooms, const struct watch_section *section,
                           struct plug_str destination, struct plug_str body, uint64_t session,
                           struct plug_str subscription)
{
  struct plug_app_message message = {
      .destination = destination, .content_type = route_str(section->content_type), .body = body};
  return rooms->host->app->publish_local(rooms->host, &message, session, subscription);
}

/* The event's text for free(), or NULL. */
static char *make_event(const struct watch_room *room, const struct watch_event *event, size_t *len,
                        struct route_refusal *refusal)
{
  const struct watch_section *section = room->section;
  struct route_values values = {.now_ms = watch_now_ms()};
  refusal->code = NULL;
  for (size_t i = 0; i < section->path.n; i++)
    values.variables[i] = room->variables[i];
  values.roots[WATCH_USER] = json_stringn(event->user.ptr, event->user.len);
  values.roots[WATCH_INFO] = watch_info(event->info);
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
  char *text = make_event(room, event, &len, &refusal);
  plug_status status =
      text ? publish(rooms, section, route_slice(room->destination, room->destination_len),
                     route_slice(text, len), 0, route_str(""))
           : PLUG_EINVAL;
  if (status != PLUG_OK)
    complain(rooms, section, "cannot tell of a change", refusal.code ? refusal.reason : "refused");
  count(rooms, rooms->n_events, status == PLUG_OK);
  count(rooms, rooms->n_merged, (int64_t)event->merged - 1);
  free(text);
}

static struct watch_room *find_room(const struct watch_rooms *rooms, struct plug_str topic)
{
  struct name_entry *entry = name_map_find(&rooms->rooms, topic);
  return entry ? NAME_OWNER(entry, struct watch_room, entry) : NULL;
}

void watch_rooms_changed(struct watch_rooms *rooms, const struct plug_presence_change *change)
{
  struct watch_room *room = find_room(rooms, change->topic);
  struct watch_event event;
  if (!room || !room->seats)
    return;
  if (watch_events_offer(&room->events, change, now_of(rooms), &event)) {
    send_event(rooms, room, &event);
  } else if (!room->waits) {
    room->waits = true;
    room->next_waiting = rooms->waiting;
    rooms->waiting = room;
    arm(rooms, now_of(rooms) + TICK_MS);
  }
}

/* --- lists -------------------------------------------------------------------------------- */

static void listing_free(struct listing *listing)
{
  json_decref(listing->list.members);
  snapshots_free(&listing->snapshots);
  free(listing->variables_text);
  free(listing->topic);
  free(listing);
}

static void on_user(void *arg, struct plug_str user, struct plug_str info,
                    uint64_t members) PLUG_NOEXCEPT
{
  struct listing *listing = arg;
  (void)members;
  watch_list_add(&listing->list, user, info);
}

static void ask_for_snapshots(struct watch_rooms *rooms, struct watch_room *room);

static void on_snapshots(void *arg, plug_status status, uint64_t users,
                         uint64_t members) PLUG_NOEXCEPT
{
  struct listing *listing = arg;
  struct watch_rooms *rooms = listing->rooms;
  struct watch_room *room = listing->room;
  size_t len = 0;
  (void)members;
  char *text = status == PLUG_OK ? watch_list_end(&listing->list, users, &len) : NULL;
  for (const struct snapshot *to = listing->snapshots; text && to; to = to->next)
    publish(rooms, room->section, room->entry.name, route_slice(text, len), to->session,
            route_slice(to->subscription, to->len));
  if (!text)
    complain(rooms, room->section, "no snapshot",
             status == PLUG_OK ? "the template cannot be filled" : "it is not known who is there");
  free(text);
  listing_free(listing);
  room->is_listing = false;
  if (room->snapshots && rooms->timer)
    ask_for_snapshots(rooms, room);
  room_unref(rooms, room);
}

/* One list for all who wait. */
static void ask_for_snapshots(struct watch_rooms *rooms, struct watch_room *room)
{
  if (room->is_listing || !room->snapshots)
    return;
  struct listing *listing = calloc(1, sizeof *listing);
  if (listing && watch_list_begin(&listing->list, room->section, room->variables)) {
    listing->rooms = rooms;
    listing->room = room;
    listing->snapshots = room->snapshots;
    room->snapshots = NULL;
    if (rooms->presence->list(rooms->host, room->entry.name, on_user, on_snapshots, listing) ==
        PLUG_PENDING) {
      room->is_listing = true;
      room->refs++;
      return;
    }
  }
  snapshots_free(&room->snapshots);
  if (listing)
    listing_free(listing);
}

static void answer_error(const struct watch_rooms *rooms, struct plug_op *op, const char *code,
                         const char *reason)
{
  struct plug_app_error error = {
      .size = sizeof error, .code = route_str(code), .reason = route_str(reason)};
  struct plug_app_answer answer = {.size = sizeof answer, .error = &error};
  rooms->host->app->answer(op, &answer);
}

static void on_request(void *arg, plug_status status, uint64_t users,
                       uint64_t members) PLUG_NOEXCEPT
{
  struct listing *listing = arg;
  const struct watch_rooms *rooms = listing->rooms;
  size_t len = 0;
  (void)members;
  char *text = status == PLUG_OK ? watch_list_end(&listing->list, users, &len) : NULL;
  if (text) {
    struct plug_app_message reply = {.destination = route_str(listing->section->reply),
                                     .content_type = route_str(listing->section->content_type),
                                     .body = route_slice(text, len)};
    struct plug_app_answer answer = {.size = sizeof answer, .reply = &reply};
    rooms->host->app->answer(listing->op, &answer);
  } else if (status == PLUG_OK) {
    answer_error(rooms, listing->op, "bad-template", "the list cannot be made");
  } else {
    rooms->host->op_done(listing->op, status, route_str("it is not known who is there"));
  }
  free(text);
  listing_free(listing);
}

static char *topic_of(const struct watch_section *section, const struct plug_str *variables,
                      const struct route_template *template, size_t *len)
{
  struct route_values values = {.now_ms = watch_now_ms()};
  struct route_refusal refusal;
  for (size_t i = 0; i < section->path.n; i++)
    values.variables[i] = variables[i];
  return route_template_fill(template, &values, len, &refusal);
}

plug_status watch_rooms_request(struct watch_rooms *rooms, const struct watch_section *section,
                                const struct plug_app_request *request, struct plug_op *op)
{
  struct route_refusal refusal;
  struct listing *listing = calloc(1, sizeof *listing);
  size_t len;
  if (!listing)
    return PLUG_ENOMEM;
  listing->rooms = rooms;
  listing->op = op;
  listing->section = section;
  if (!request->who && !section->anonymous) {
    answer_error(rooms, op, "not-authenticated", "you have to sign in first");
  } else if (!watch_section_variables(section, request->variables, request->n_variables,
                                      section->variables, listing->variables,
                                      &listing->variables_text, &refusal)) {
    if (!refusal.code) {
      listing_free(listing);
      return PLUG_ENOMEM;
    }
    answer_error(rooms, op, refusal.code, refusal.reason);
  } else {
    listing->topic = topic_of(section, listing->variables, section->topic, &len);
    plug_status status =
        listing->topic && watch_list_begin(&listing->list, section, listing->variables)
            ? rooms->presence->list(rooms->host, route_slice(listing->topic, len), on_user,
                                    on_request, listing)
            : PLUG_ENOMEM;
    if (status != PLUG_PENDING)
      listing_free(listing);
    return status;
  }
  listing_free(listing);
  return PLUG_PENDING;
}

/* --- seats -------------------------------------------------------------------------------- */

/* Those who wait at the seat get the list from now on. */
static void want_snapshots(struct watch_seat *seat)
{
  struct snapshot **end = &seat->snapshots;
  if (!*end)
    return;
  while (*end)
    end = &(*end)->next;
  *end = seat->room->snapshots;
  seat->room->snapshots = seat->snapshots;
  seat->snapshots = NULL;
  ask_for_snapshots(seat->rooms, seat->room);
}

static void on_joined(void *arg, plug_status status, uint64_t users, uint64_t members) PLUG_NOEXCEPT
{
  struct watch_seat *seat = arg;
  (void)status, (void)users, (void)members;
  seat->joined = true;
  if (!seat->given_up)
    want_snapshots(seat);
  seat_unref(seat);
}

static void join(struct watch_seat *seat)
{
  struct watch_rooms *rooms = seat->rooms;
  plug_status status = rooms->presence->join(rooms->host, &seat->member, on_joined, seat);
  if (status == PLUG_PENDING) {
    seat->asked = true;
    seat->refs++;
    return;
  }
  seat->asked = seat->joined = status == PLUG_OK;
  if (status != PLUG_OK) {
    seat->counted = false;
    count(rooms, rooms->n_ignored, 1);
    complain(rooms, seat->room->section, "a session is not counted",
             status == PLUG_ETOOBIG ? "a limit of [presence] is reached" : "it is refused");
  }
  want_snapshots(seat);
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
  char *text = make_event(room, &event, &len, &refusal);
  for (const struct snapshot *to = seat->snapshots; text && to; to = to->next)
    publish(seat->rooms, room->section, room->entry.name, route_slice(text, len), to->session,
            route_slice(to->subscription, to->len));
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
    snapshots_free(&seat->snapshots);
    if (!seat->asked && seat->rooms->timer)
      join(seat);
  }
  seat_unref(seat);
}

/* Before it joins: otherwise the room is told. */
static void find_user(struct watch_seat *seat)
{
  struct watch_rooms *rooms = seat->rooms;
  if (seat->is_asked_for)
    return;
  seat->was_there = false;
  seat->is_asked_for = rooms->presence->find(rooms->host, seat->room->entry.name, seat->member.user,
                                             on_there, on_found, seat) == PLUG_PENDING;
  if (seat->is_asked_for) {
    seat->refs++;
    return;
  }
  snapshots_free(&seat->snapshots);
  if (!seat->asked)
    join(seat);
}

/* The room is watched: its events are heard from now on. */
static void take_part(struct watch_seat *seat)
{
  enum watch_snapshot snapshot = seat->room->section->snapshot;
  if (snapshot == WATCH_JOIN && seat->counted)
    find_user(seat);
  else if (seat->counted && !seat->asked)
    join(seat);
  else if (!seat->counted || seat->joined)
    want_snapshots(seat);
}

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
    take_part(seat);
  }
  seat_unref(first);
  room_unref(rooms, room);
}

static struct watch_room *room_new(struct watch_rooms *rooms, const struct watch_section *section,
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
  room->destination =
      topic_of(section, variables, section->destination ? section->destination : section->topic,
               &room->destination_len);
  if (room->variables_text && room->destination &&
      watch_events_init(&room->events, section->max_events) &&
      name_map_add(&rooms->rooms, &room->entry)) {
    memcpy(room->variables_text, variables_text, bytes - 1);
    for (size_t i = 0; i < section->path.n; i++)
      room->variables[i] =
          route_slice(room->variables_text + (variables[i].ptr - variables_text), variables[i].len);
    count(rooms, rooms->n_rooms, 1);
    return room;
  }
  watch_events_fini(&room->events);
  free(room->variables_text);
  free(room->destination);
  free(room);
  return NULL;
}

/* What is said about the member. False: it is refused, or there is no memory. */
static bool make_info(struct watch_seat *seat, const struct plug_app_event *event)
{
  const struct watch_section *section = seat->room->section;
  struct route_values values = {
      .who = event->who, .session = event->session_id, .now_ms = watch_now_ms()};
  struct route_refusal refusal;
  if (!section->info)
    return true;
  for (size_t i = 0; i < section->path.n; i++)
    values.variables[i] = seat->room->variables[i];
  seat->info = route_template_fill(section->info, &values, &seat->member.info.len, &refusal);
  seat->member.info.ptr = seat->info;
  if (!seat->info)
    complain(seat->rooms, section, "a session is not counted",
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

static struct watch_seat *seat_new(struct watch_rooms *rooms, struct watch_room *room,
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
  count(rooms, rooms->n_seats, 1);
  seat->counted = (event->who || room->section->anonymous) && make_info(seat, event);
  if (!seat->counted && (event->who || room->section->anonymous))
    count(rooms, rooms->n_ignored, 1);
  return seat;
}

static struct watch_seat *find_seat(const struct watch_rooms *rooms, uint64_t session,
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

static void end_linger(struct watch_seat *seat)
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

static void linger(struct watch_seat *seat)
{
  struct watch_rooms *rooms = seat->rooms;
  const struct watch_section *section = seat->room->section;
  struct watch_queue *queue = &rooms->lingering[section - rooms->sections];
  seat->leave_at_ms = now_of(rooms) + section->linger_ms;
  seat->lingers = true;
  seat->earlier = queue->last;
  if (queue->last)
    queue->last->later = seat;
  else
    queue->first = seat;
  queue->last = seat;
  arm(rooms, seat->leave_at_ms);
}

static void add_snapshot(struct watch_seat *seat, const struct plug_app_event *event)
{
  struct plug_str id = event->subscription;
  bool wanted = seat->room->section->snapshot == WATCH_LIST ||
                (seat->room->section->snapshot == WATCH_JOIN && seat->counted);
  struct snapshot *snapshot = wanted ? malloc(sizeof *snapshot + id.len) : NULL;
  if (!snapshot)
    return;
  *snapshot = (struct snapshot){seat->snapshots, event->session, id.len};
  if (id.len)
    memcpy(snapshot->subscription, id.ptr, id.len);
  seat->snapshots = snapshot;
}

/* A subscription that has ended waits for nothing: else one client could make ever more wait, and
 * its next subscription of that id would get as many lists. Newest first. */
static void drop_snapshot(struct snapshot **list, const struct plug_app_event *event)
{
  struct plug_str id = event->subscription;
  for (struct snapshot *snapshot; (snapshot = *list); list = &snapshot->next) {
    if (snapshot->session != event->session || snapshot->len != id.len ||
        (id.len && memcmp(snapshot->subscription, id.ptr, id.len) != 0))
      continue;
    *list = snapshot->next;
    free(snapshot);
    return;
  }
}

static bool watch(struct watch_rooms *rooms, struct watch_seat *seat)
{
  struct watch_room *room = seat->room;
  plug_status status = rooms->presence->watch(rooms->host, room->entry.name, on_watched, seat);
  if (status == PLUG_PENDING) {
    seat->refs++;
    room->refs++;
    return true;
  }
  complain(rooms, room->section, "a room is not watched",
           status == PLUG_ETOOBIG ? "a limit of [presence] is reached" : "it is refused");
  count(rooms, rooms->n_ignored, 1);
  return false;
}

/* A seat for the session, in a room that is watched. NULL: it cannot be had. */
static struct watch_seat *take_seat(struct watch_rooms *rooms, const struct watch_section *section,
                                    struct plug_str topic, const struct plug_str *variables,
                                    const char *variables_text, const struct plug_app_event *event)
{
  struct watch_room *room = find_room(rooms, topic);
  if (!room && !(room = room_new(rooms, section, topic, variables, variables_text)))
    return NULL;
  bool is_first = !room->seats;
  room->refs++;
  struct watch_seat *seat = seat_new(rooms, room, event);
  if (seat && is_first) {
    room->watched = false;
    if (!watch(rooms, seat)) {
      room->seats = NULL; /* there is nothing to unwatch */
      name_map_remove(&rooms->seats, &seat->entry);
      count(rooms, rooms->n_seats, -1);
      seat_unref(seat);
      room->refs--;
      seat = NULL;
    }
  }
  room_unref(rooms, room);
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
    topic = topic_of(section, variables, section->topic, &len);
  else if (refusal.code && event->kind == PLUG_APP_SUBSCRIBED)
    count(rooms, rooms->n_ignored, 1);
  struct watch_seat *seat =
      topic ? find_seat(rooms, event->session, route_slice(topic, len)) : NULL;
  if (topic && event->kind == PLUG_APP_SUBSCRIBED) {
    if (!seat)
      seat = take_seat(rooms, section, route_slice(topic, len), variables, text, event);
    if (seat) {
      seat->n_subscriptions++;
      end_linger(seat);
      add_snapshot(seat, event);
      if (seat->room->watched)
        take_part(seat);
    }
  } else if (seat && seat->n_subscriptions) {
    drop_snapshot(&seat->snapshots, event);
    drop_snapshot(&seat->room->snapshots, event);
    if (--seat->n_subscriptions == 0 && section->linger_ms)
      linger(seat);
    else if (seat->n_subscriptions == 0)
      give_up(seat, true);
  }
  free(topic);
  free(text);
}

/* --- time --------------------------------------------------------------------------------- */

static void send_waiting(struct watch_rooms *rooms, uint64_t now_ms)
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

static void tick(void *arg) PLUG_NOEXCEPT
{
  struct watch_rooms *rooms = arg;
  uint64_t now_ms = now_of(rooms), next = UINT64_MAX;
  rooms->timer_at_ms = UINT64_MAX;
  send_waiting(rooms, now_ms);
  if (rooms->waiting)
    next = now_ms + TICK_MS;
  for (size_t i = 0; i < rooms->n_sections; i++) {
    struct watch_seat *seat;
    while ((seat = rooms->lingering[i].first) && seat->leave_at_ms <= now_ms) {
      end_linger(seat);
      give_up(seat, true);
    }
    if (seat && seat->leave_at_ms < next)
      next = seat->leave_at_ms;
  }
  if (next != UINT64_MAX)
    arm(rooms, next);
}
