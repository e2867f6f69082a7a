#include "presence_table.h"

#include <stdlib.h>
#include <string.h>

struct user {
  struct name_entry entry;
  uint64_t n_members;
  struct plug_str info;
  char text[];
};

struct member {
  struct name_entry entry;
  struct user *user;
  bool fresh; /* of the join that is being made */
  char text[];
};

struct topic {
  struct name_entry entry;
  struct name_map users, members;
  struct plug_position pos;
  bool watched;
  char text[];
};

static struct plug_str put(char *at, struct plug_str s)
{
  if (s.len)
    memcpy(at, s.ptr, s.len);
  return (struct plug_str){at, s.len};
}

void presence_table_init(struct presence_table *table,
                         void (*changed)(void *ctx, const struct plug_presence_change *change),
                         void *ctx)
{
  *table = (struct presence_table){.changed = changed, .ctx = ctx};
  name_map_init(&table->topics);
}

static void topic_free(struct presence_table *table, struct topic *topic)
{
  struct name_iter it = {0};
  struct name_entry *entry;
  while ((entry = name_map_next(&topic->members, &it)))
    free(NAME_OWNER(entry, struct member, entry));
  it = (struct name_iter){0};
  while ((entry = name_map_next(&topic->users, &it)))
    free(NAME_OWNER(entry, struct user, entry));
  name_map_fini(&topic->members);
  name_map_fini(&topic->users);
  name_map_remove(&table->topics, &topic->entry);
  free(topic);
}

void presence_table_fini(struct presence_table *table)
{
  struct name_iter it = {0};
  struct name_entry *entry;
  while ((entry = name_map_next(&table->topics, &it)))
    topic_free(table, NAME_OWNER(entry, struct topic, entry));
  name_map_fini(&table->topics);
}

static struct topic *find_topic(const struct presence_table *table, struct plug_str name)
{
  struct name_entry *entry = name_map_find(&table->topics, name);
  return entry ? NAME_OWNER(entry, struct topic, entry) : NULL;
}

static struct topic *get_topic(struct presence_table *table, struct plug_str name)
{
  struct topic *topic = find_topic(table, name);
  if (topic)
    return topic;
  topic = calloc(1, sizeof *topic + name.len);
  if (!topic)
    return NULL;
  topic->entry.name = put(topic->text, name);
  if (!name_map_add(&table->topics, &topic->entry)) {
    free(topic);
    return NULL;
  }
  topic->pos.epoch = ++table->last_epoch;
  name_map_init(&topic->users);
  name_map_init(&topic->members);
  return topic;
}

static void drop_if_unused(struct presence_table *table, struct topic *topic)
{
  if (!topic->watched && !topic->members.n)
    topic_free(table, topic);
}

/* --- members ------------------------------------------------------------------------------ */

static void tell(struct presence_table *table, struct topic *topic, const struct user *user,
                 uint32_t kind)
{
  topic->pos.offset++;
  struct plug_presence_change change = {.size = sizeof change,
                                        .kind = kind,
                                        .topic = topic->entry.name,
                                        .user = user->entry.name,
                                        .info = user->info,
                                        .users = topic->users.n,
                                        .pos = topic->pos};
  if (topic->watched)
    table->changed(table->ctx, &change);
}

static struct user *get_user(struct topic *topic, const struct plug_member *v)
{
  struct name_entry *entry = name_map_find(&topic->users, v->user);
  if (entry)
    return NAME_OWNER(entry, struct user, entry);
  struct user *user = calloc(1, sizeof *user + v->user.len + v->info.len);
  if (!user)
    return NULL;
  user->entry.name = put(user->text, v->user);
  user->info = put(user->text + v->user.len, v->info);
  if (name_map_add(&topic->users, &user->entry))
    return user;
  free(user);
  return NULL;
}

/* Tells of its user if that is the first member. PLUG_ENOMEM: it is not there, but its topic may
 * be, and unused. */
static plug_status add_member(struct presence_table *table, const struct plug_member *v)
{
  struct topic *topic = get_topic(table, v->topic);
  if (!topic)
    return PLUG_ENOMEM;
  if (name_map_find(&topic->members, v->member))
    return PLUG_OK;
  struct member *member = calloc(1, sizeof *member + v->member.len);
  struct user *user = member ? get_user(topic, v) : NULL;
  if (!user) {
    free(member);
    return PLUG_ENOMEM;
  }
  member->user = user;
  member->fresh = true;
  member->entry.name = put(member->text, v->member);
  if (!name_map_add(&topic->members, &member->entry)) {
    if (!user->n_members) {
      name_map_remove(&topic->users, &user->entry);
      free(user);
    }
    free(member);
    return PLUG_ENOMEM;
  }
  user->n_members++;
  if (user->n_members == 1)
    tell(table, topic, user, PLUG_PRESENCE_JOINED);
  return PLUG_OK;
}

/* Tells of its user if that was the last member. */
static void remove_member(struct presence_table *table, struct topic *topic, struct member *member)
{
  struct user *user = member->user;
  name_map_remove(&topic->members, &member->entry);
  free(member);
  if (--user->n_members)
    return;
  name_map_remove(&topic->users, &user->entry);
  tell(table, topic, user, PLUG_PRESENCE_LEFT);
  free(user);
}

static struct member *find_member(struct topic *topic, struct plug_str name)
{
  struct name_entry *entry = topic ? name_map_find(&topic->members, name) : NULL;
  return entry ? NAME_OWNER(entry, struct member, entry) : NULL;
}

plug_status presence_table_join(struct presence_table *table, const struct plug_member *v, size_t n)
{
  plug_status status = PLUG_OK;
  size_t done = 0;
  for (; done < n && status == PLUG_OK; done++)
    status = add_member(table, &v[done]);
  for (size_t i = 0; i < done; i++) {
    struct topic *topic = find_topic(table, v[i].topic);
    struct member *member = find_member(topic, v[i].member);
    if (member && member->fresh && status != PLUG_OK)
      remove_member(table, topic, member);
    else if (member)
      member->fresh = false;
    if (topic)
      drop_if_unused(table, topic);
  }
  return status;
}

void presence_table_leave(struct presence_table *table, const struct plug_member *v, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct topic *topic = find_topic(table, v[i].topic);
    struct member *member = find_member(topic, v[i].member);
    if (member)
      remove_member(table, topic, member);
    if (topic)
      drop_if_unused(table, topic);
  }
}

/* --- watching ----------------------------------------------------------------------------- */

plug_status presence_table_watch(struct presence_table *table, struct plug_str name)
{
  struct topic *topic = get_topic(table, name);
  if (!topic)
    return PLUG_ENOMEM;
  topic->watched = true;
  return PLUG_OK;
}

void presence_table_unwatch(struct presence_table *table, struct plug_str name)
{
  struct topic *topic = find_topic(table, name);
  if (!topic)
    return;
  topic->watched = false;
  drop_if_unused(table, topic);
}

struct presence_total presence_table_list(const struct presence_table *table, struct plug_str name,
                                          void (*user)(void *ctx, struct plug_str user,
                                                       struct plug_str info, uint64_t members),
                                          void *ctx)
{
  const struct topic *topic = find_topic(table, name);
  struct name_iter it = {0};
  struct name_entry *entry;
  if (!topic)
    return (struct presence_total){0};
  while ((entry = name_map_next(&topic->users, &it))) {
    const struct user *one = NAME_OWNER(entry, struct user, entry);
    user(ctx, one->entry.name, one->info, one->n_members);
  }
  return (struct presence_total){topic->users.n, topic->members.n, topic->pos};
}
