#include "presence/rooms.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define UNDER_WAY_MAX 32
#define CHANGES_MAX   20000 /* kept while a room is listed; with more it is listed again */

/* A change that waits for the end of a list. */
struct kept_change {
  struct list link;
  struct plug_presence_change change;
  char text[];
};

void rooms_init(struct rooms *rooms, const struct presence_backend *backend, uint64_t max,
                uint64_t settle_ms)
{
  *rooms = (struct rooms){.backend = backend, .max = max, .settle_ms = settle_ms};
  list_init(&rooms->todo);
  list_init(&rooms->settling);
  list_init(&rooms->refused);
}

/* --- users -------------------------------------------------------------------------------- */

static struct room_user *find_user(const struct map *users, struct plug_str name)
{
  struct map_entry *entry = map_find(users, name);
  return entry ? container_of(entry, struct room_user, by_name) : NULL;
}

static struct room_user *add_user(struct map *users, struct plug_str name, struct plug_str info)
{
  struct room_user *user = malloc(sizeof *user + name.len + info.len);
  if (!user)
    return NULL;
  memcpy(user->text, name.ptr, name.len);
  if (info.len)
    memcpy(user->text + name.len, info.ptr, info.len);
  user->by_name.key = str_from(user->text, name.len);
  user->info_len = info.len;
  if (map_insert(users, &user->by_name))
    return user;
  free(user);
  return NULL;
}

static void remove_user(struct map *users, struct room_user *user)
{
  map_remove(users, &user->by_name);
  free(user);
}

static void free_users(struct map *users)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  while ((entry = map_next(users, &it)))
    remove_user(users, container_of(entry, struct room_user, by_name));
  map_fini(users);
}

/* --- rooms -------------------------------------------------------------------------------- */

static void drop_changes(struct room *room)
{
  struct list *node;
  while ((node = list_first(&room->changes))) {
    list_remove(node);
    free(container_of(node, struct kept_change, link));
  }
  room->n_changes = 0;
}

static void room_free(struct room *room)
{
  struct rooms *rooms = room->rooms;
  presence_answer(&room->waits, PLUG_ECANCELED);
  rooms->n_users -= room->users.count;
  map_remove(&rooms->map, &room->by_topic);
  list_remove(&room->todo);
  drop_changes(room);
  free_users(&room->users);
  free_users(&room->listed);
  free(room);
}

void rooms_fini(struct rooms *rooms)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  while ((entry = map_next(&rooms->map, &it)))
    room_free(container_of(entry, struct room, by_topic));
  map_fini(&rooms->map);
}

struct room *rooms_find(const struct rooms *rooms, struct plug_str topic)
{
  struct map_entry *entry = map_find(&rooms->map, topic);
  struct room *room = entry ? container_of(entry, struct room, by_topic) : NULL;
  return room && room->n_watchers ? room : NULL;
}

/* It is looked at by the next pump. */
static void put_todo(struct room *room)
{
  list_remove(&room->todo);
  list_append(&room->rooms->todo, &room->todo);
}

struct room *rooms_watch(struct rooms *rooms, struct plug_str topic, plug_status *status)
{
  struct map_entry *entry = map_find(&rooms->map, topic);
  struct room *room = entry ? container_of(entry, struct room, by_topic) : NULL;
  *status = PLUG_ETOOBIG;
  if (!room && rooms->map.count >= rooms->max)
    return NULL;
  *status = PLUG_ENOMEM;
  if (!room) {
    room = calloc(1, sizeof *room + topic.len);
    if (!room)
      return NULL;
    memcpy(room->topic, topic.ptr, topic.len);
    room->by_topic.key = str_from(room->topic, topic.len);
    room->rooms = rooms;
    list_init(&room->todo);
    list_init(&room->waits);
    list_init(&room->watchers);
    list_init(&room->changes);
    if (!map_insert(&rooms->map, &room->by_topic)) {
      free(room);
      return NULL;
    }
    room->stale = true;
    put_todo(room);
  }
  room->n_watchers++;
  *status = PLUG_OK;
  return room;
}

void rooms_unwatch(struct room *room)
{
  if (--room->n_watchers == 0)
    put_todo(room);
}

void rooms_wait(struct room *room, struct presence_wait *wait)
{
  list_append(&room->waits, &wait->link);
}

/* Its users have to be asked for; at once, or when all nodes have joined theirs again. */
static void make_stale(struct room *room, bool settle, uint64_t now_ms)
{
  struct rooms *rooms = room->rooms;
  room->stale = true;
  if (room->under_way)
    return; /* and then */
  if (!settle || !room->known) {
    put_todo(room);
    return;
  }
  if (list_empty(&rooms->settling) && rooms->settled_at_ms <= now_ms)
    rooms->settled_at_ms = now_ms + rooms->settle_ms;
  list_remove(&room->todo);
  list_append(&rooms->settling, &room->todo);
}

/* --- changes ------------------------------------------------------------------------------ */

static void tell(struct room *room, uint32_t kind, struct plug_str user, struct plug_str info,
                 struct plug_position pos)
{
  struct rooms *rooms = room->rooms;
  struct plug_presence_change change = {.size = sizeof change,
                                        .kind = kind,
                                        .topic = room_topic(room),
                                        .user = user,
                                        .info = info,
                                        .users = room->users.count,
                                        .pos = pos};
  rooms->n_changes++;
  rooms->backend->tell(rooms->backend->ctx, room, &change);
}

static bool user_joins(struct room *room, struct plug_str name, struct plug_str info,
                       struct plug_position pos, bool told)
{
  struct room_user *user = add_user(&room->users, name, info);
  if (!user)
    return false;
  room->rooms->n_users++;
  if (told)
    tell(room, PLUG_PRESENCE_JOINED, user->by_name.key, room_user_info(user), pos);
  return true;
}

static void user_leaves(struct room *room, struct room_user *user, struct plug_position pos)
{
  map_remove(&room->users, &user->by_name);
  room->rooms->n_users--;
  tell(room, PLUG_PRESENCE_LEFT, user->by_name.key, room_user_info(user), pos);
  free(user);
}

/* The next change in order. False: it does not fit to what is known. */
static bool apply(struct room *room, const struct plug_presence_change *change)
{
  struct room_user *user = find_user(&room->users, change->user);
  bool joins = change->kind == PLUG_PRESENCE_JOINED;
  uint64_t users = room->users.count + (joins ? 1 : (uint64_t)-1);
  if (joins == (user != NULL) || users != change->users)
    return false;
  room->pos = change->pos;
  if (joins)
    return user_joins(room, change->user, change->info, change->pos, true);
  user_leaves(room, user, change->pos);
  return true;
}

static void consider(struct room *room, const struct plug_presence_change *change, uint64_t now_ms)
{
  if (!room->known || room->stale)
    return; /* the list will have it */
  /* Nobody had ever been there when it was listed: this is how it begins. */
  bool first = !room->pos.epoch && !room->pos.offset && change->pos.offset == 1;
  if (change->pos.epoch != room->pos.epoch && !(first && apply(room, change)))
    make_stale(room, room->pos.epoch != 0, now_ms);
  else if (first)
    return;
  else if (change->pos.offset > room->pos.offset + 1 ||
           (change->pos.offset == room->pos.offset + 1 && !apply(room, change)))
    make_stale(room, false, now_ms);
}

static void keep(struct room *room, const struct plug_presence_change *change)
{
  struct kept_change *kept = room->n_changes < CHANGES_MAX
                                 ? malloc(sizeof *kept + change->user.len + change->info.len)
                                 : NULL;
  if (!kept) {
    room->broken = true;
    drop_changes(room);
    return;
  }
  kept->change = *change;
  kept->change.topic = room_topic(room);
  memcpy(kept->text, change->user.ptr, change->user.len);
  if (change->info.len)
    memcpy(kept->text + change->user.len, change->info.ptr, change->info.len);
  kept->change.user.ptr = kept->text;
  kept->change.info.ptr = kept->text + change->user.len;
  list_append(&room->changes, &kept->link);
  room->n_changes++;
}

void rooms_changed(struct rooms *rooms, const struct plug_presence_change *change, uint64_t now_ms)
{
  struct map_entry *entry = map_find(&rooms->map, change->topic);
  struct room *room = entry ? container_of(entry, struct room, by_topic) : NULL;
  if (!room || !change->user.len)
    return;
  if (room->is_listing)
    keep(room, change);
  else
    consider(room, change, now_ms);
}

void rooms_lost(struct rooms *rooms, uint64_t now_ms)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  rooms->settled_at_ms = now_ms + rooms->settle_ms;
  rooms->retry = (struct presence_retry){0};
  while ((entry = map_next(&rooms->map, &it))) {
    struct room *room = container_of(entry, struct room, by_topic);
    room->watched = false;
    room->broken |= room->is_listing;
    make_stale(room, false, now_ms); /* watched again at once; the list waits, see pump */
  }
}

/* --- lists -------------------------------------------------------------------------------- */

void rooms_user(struct room *room, struct plug_str name, struct plug_str info)
{
  if (!room->is_listing || !name.len)
    return;
  if (find_user(&room->listed, name) || !add_user(&room->listed, name, info))
    room->broken = true;
}

void rooms_total(struct room *room, uint64_t users, struct plug_position pos)
{
  room->has_total = room->is_listing;
  room->listed_users = users;
  room->listed_pos = pos;
}

/* Tells the difference, then what came meanwhile. */
static void take_list(struct room *room, uint64_t now_ms)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  struct plug_position pos = room->listed_pos;
  bool told = room->known;
  room->pos = pos;
  while ((entry = map_next(&room->users, &it))) {
    struct room_user *user = container_of(entry, struct room_user, by_name);
    if (!find_user(&room->listed, user->by_name.key))
      user_leaves(room, user, pos);
  }
  it = (struct map_iter){0};
  bool complete = true;
  while ((entry = map_next(&room->listed, &it))) {
    const struct room_user *listed = container_of(entry, struct room_user, by_name);
    if (!find_user(&room->users, listed->by_name.key))
      complete &= user_joins(room, listed->by_name.key, room_user_info(listed), pos, told);
  }
  room->known = true;
  room->stale = !complete;
  struct list *node;
  while ((node = list_first(&room->changes))) {
    struct kept_change *kept = container_of(node, struct kept_change, link);
    list_remove(node);
    consider(room, &kept->change, now_ms);
    free(kept);
  }
  room->n_changes = 0;
}

void rooms_answered(struct room *room, plug_status status)
{
  if (status != PLUG_OK && status != PLUG_EAGAIN)
    presence_answer(&room->waits, status);
}

void rooms_released(struct room *room, plug_status status, uint64_t now_ms)
{
  struct rooms *rooms = room->rooms;
  bool was_list = room->is_listing, ok = status == PLUG_OK || status == PLUG_EAGAIN;
  room->under_way = room->is_listing = false;
  rooms->n_under_way--;
  if (ok && was_list && !room->broken) {
    ok = room->has_total && room->listed_users == room->listed.count;
    status = PLUG_EINTERNAL; /* for those who wait: a list that is none */
  }
  if (!ok) {
    rooms->n_failed++;
    presence_answer(&room->waits, status);
    if (presence_is_passing(status)) {
      presence_retry_after(&rooms->retry, now_ms);
    } else if (list_empty(&room->todo)) { /* the others need not wait for it */
      rooms->refused_until_ms = now_ms + PRESENCE_RETRY_MAX_MS;
      list_append(&rooms->refused, &room->todo);
    }
  } else {
    rooms->retry = (struct presence_retry){0};
    if (was_list && !room->broken) {
      take_list(room, now_ms);
      rooms->n_lists++;
      presence_answer(&room->waits, PLUG_OK);
    } else if (!was_list) {
      room->watched = true;
    }
  }
  if (room->broken && was_list)
    room->watched = false; /* lost meanwhile, or too much came: from the start */
  free_users(&room->listed);
  room->listed = (struct map){0};
  drop_changes(room);
  if ((room->stale || !room->n_watchers) && list_empty(&room->todo))
    put_todo(room);
}

/* --- pump --------------------------------------------------------------------------------- */

static void begin(struct room *room, uint64_t now_ms)
{
  struct rooms *rooms = room->rooms;
  const struct presence_backend *backend = rooms->backend;
  room->under_way = true;
  room->has_total = room->broken = false;
  room->is_listing = room->watched;
  rooms->n_under_way++;
  plug_status status =
      room->watched ? backend->list(backend->ctx, room) : backend->watch(backend->ctx, room);
  if (status != PLUG_PENDING)
    rooms_released(room, status, now_ms);
}

static void move_all(struct list *from, struct list *to)
{
  struct list *node;
  while ((node = list_first(from))) {
    list_remove(node);
    list_append(to, node);
  }
}

void rooms_pump(struct rooms *rooms, uint64_t now_ms)
{
  const struct presence_backend *backend = rooms->backend;
  if (now_ms >= rooms->settled_at_ms)
    move_all(&rooms->settling, &rooms->todo);
  if (now_ms >= rooms->refused_until_ms)
    move_all(&rooms->refused, &rooms->todo);
  struct list *node;
  while ((node = list_first(&rooms->todo)) && rooms->n_under_way < UNDER_WAY_MAX) {
    struct room *room = container_of(node, struct room, todo);
    if (room->under_way || (room->n_watchers && room->watched && !room->stale)) {
      list_remove(node); /* a release comes back to it; or there is nothing to do */
    } else if (!room->n_watchers) {
      if (room->watched)
        backend->unwatch(backend->ctx, room);
      room_free(room);
    } else if (rooms->retry.at_ms > now_ms) {
      break;
    } else if (room->watched && room->known && now_ms < rooms->settled_at_ms) {
      list_remove(node);
      list_append(&rooms->settling, node);
    } else {
      list_remove(node);
      begin(room, now_ms);
    }
  }
}

uint64_t rooms_next_ms(const struct rooms *rooms)
{
  uint64_t next = list_empty(&rooms->settling) ? UINT64_MAX : rooms->settled_at_ms;
  if (!list_empty(&rooms->refused) && rooms->refused_until_ms < next)
    next = rooms->refused_until_ms;
  if (!list_empty(&rooms->todo) && rooms->n_under_way < UNDER_WAY_MAX && rooms->retry.at_ms < next)
    next = rooms->retry.at_ms;
  return next;
}
