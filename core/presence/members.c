#include "presence/members.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define BATCHES_MAX 8 /* under way */

struct member {
  struct map_entry by_key; /* key: see put_key */
  struct list todo;        /* in joins or leaves */
  struct list join_waits, leave_waits;
  struct plug_member v;
  const void *owner; /* or NULL */
  bool wanted;
  bool there;       /* the backend has said so, and has not lost it */
  bool maybe_there; /* it was asked for; a leave makes sure */
  bool under_way;
  bool alone;     /* a batch with it was refused: it goes by itself, to find the culprit */
  bool refused;   /* by itself, too: not asked for again until the backend has lost all */
  bool restoring; /* counted in n_restoring */
  char text[];
};

/* The key of topic and member: neither can be taken for a part of the other. */
static struct plug_str put_key(char *out, const struct plug_member *v)
{
  uint64_t len = v->topic.len;
  memcpy(out, &len, sizeof len);
  memcpy(out + sizeof len, v->topic.ptr, v->topic.len);
  memcpy(out + sizeof len + v->topic.len, v->member.ptr, v->member.len);
  return str_from(out, sizeof len + v->topic.len + v->member.len);
}

void members_init(struct members *members, const struct presence_backend *backend, uint64_t max)
{
  *members = (struct members){.backend = backend, .max = max};
  list_init(&members->joins);
  list_init(&members->leaves);
}

static void set_restoring(struct members *members, struct member *member, bool restoring)
{
  if (member->restoring == restoring)
    return;
  member->restoring = restoring;
  if (restoring)
    members->n_restoring++;
  else
    members->n_restoring--;
}

static void member_free(struct members *members, struct member *member)
{
  set_restoring(members, member, false);
  map_remove(&members->map, &member->by_key);
  list_remove(&member->todo);
  free(member);
}

void members_fini(struct members *members)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  while ((entry = map_next(&members->map, &it)))
    member_free(members, container_of(entry, struct member, by_key));
  map_fini(&members->map);
}

static struct member *member_new(struct members *members, const struct plug_member *v)
{
  size_t key_len = sizeof(uint64_t) + v->topic.len + v->member.len;
  struct member *member = calloc(1, sizeof *member + key_len + v->user.len + v->info.len);
  if (!member)
    return NULL;
  member->by_key.key = put_key(member->text, v);
  char *at = member->text + key_len;
  member->v.topic = str_from(member->text + sizeof(uint64_t), v->topic.len);
  member->v.member = str_from(member->v.topic.ptr + v->topic.len, v->member.len);
  member->v.user = str_from(at, v->user.len);
  if (v->user.len)
    memcpy(at, v->user.ptr, v->user.len);
  at += v->user.len;
  member->v.info = str_from(at, v->info.len);
  if (v->info.len)
    memcpy(at, v->info.ptr, v->info.len);
  list_init(&member->todo);
  list_init(&member->join_waits);
  list_init(&member->leave_waits);
  if (map_insert(&members->map, &member->by_key))
    return member;
  free(member);
  return NULL;
}

static struct member *find(struct members *members, const struct plug_member *v, bool *no_memory)
{
  char *key = malloc(sizeof(uint64_t) + v->topic.len + v->member.len);
  *no_memory = !key;
  struct map_entry *entry = key ? map_find(&members->map, put_key(key, v)) : NULL;
  free(key);
  return entry ? container_of(entry, struct member, by_key) : NULL;
}

/* Puts it where it belongs. Frees it if it belongs nowhere. Who waits for what is no longer to be
 * done is told now: nothing that comes would be his answer. */
static void settle(struct members *members, struct member *member)
{
  if (member->under_way)
    return;
  list_remove(&member->todo);
  presence_answer(member->wanted ? &member->leave_waits : &member->join_waits, PLUG_ECANCELED);
  if (member->wanted && !member->there && !member->refused) {
    list_append(&members->joins, &member->todo);
  } else if (!member->wanted && member->maybe_there) {
    list_append(&members->leaves, &member->todo);
  } else if (!member->wanted) {
    presence_answer(&member->leave_waits, PLUG_OK);
    member_free(members, member);
  }
}

plug_status members_join(struct members *members, const struct plug_member *v,
                         struct presence_wait *wait)
{
  bool no_memory;
  struct member *member = find(members, v, &no_memory);
  if (no_memory)
    return PLUG_ENOMEM;
  if (!(member && member->wanted) && members->n_wanted >= members->max)
    return PLUG_ETOOBIG;
  if (!member && !(member = member_new(members, v)))
    return PLUG_ENOMEM;
  if (!member->wanted) {
    member->wanted = true;
    members->n_wanted++;
  }
  member->refused = false; /* it is asked for anew */
  if (member->there && !member->under_way) {
    settle(members, member); /* it may stand among the leaves */
    return PLUG_OK;
  }
  if (wait)
    list_append(&member->join_waits, &wait->link);
  settle(members, member);
  return PLUG_PENDING;
}

plug_status members_leave(struct members *members, const struct plug_member *v,
                          struct presence_wait *wait)
{
  bool no_memory;
  struct member *member = find(members, v, &no_memory);
  if (no_memory)
    return PLUG_ENOMEM;
  if (!member)
    return PLUG_OK;
  if (member->wanted) {
    member->wanted = false;
    members->n_wanted--;
    set_restoring(members, member, false);
  }
  if (!member->under_way && !member->maybe_there) {
    settle(members, member);
    return PLUG_OK;
  }
  if (wait)
    list_append(&member->leave_waits, &wait->link);
  settle(members, member);
  return wait ? PLUG_PENDING : PLUG_OK;
}

void members_own(struct members *members, const struct plug_member *v, const void *owner)
{
  bool no_memory;
  struct member *member = find(members, v, &no_memory);
  if (member)
    member->owner = owner;
}

const void *members_owner(struct members *members, const struct plug_member *v)
{
  bool no_memory;
  const struct member *member = find(members, v, &no_memory);
  return member ? member->owner : NULL;
}

bool members_is_own(struct members *members, const struct plug_member *v, const void *owner)
{
  bool no_memory;
  const struct member *member = find(members, v, &no_memory);
  return !member || !member->owner || member->owner == owner;
}

void members_leave_of(struct members *members, const void *owner)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  while ((entry = map_next(&members->map, &it))) {
    struct member *member = container_of(entry, struct member, by_key);
    if (member->owner != owner)
      continue;
    member->owner = NULL;
    if (!member->wanted)
      continue;
    member->wanted = false;
    members->n_wanted--;
    set_restoring(members, member, false);
    settle(members, member);
  }
}

void members_leave_all(struct members *members)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  while ((entry = map_next(&members->map, &it))) {
    struct member *member = container_of(entry, struct member, by_key);
    member->wanted = false;
    set_restoring(members, member, false);
    settle(members, member);
  }
  members->n_wanted = 0;
  members->retry = (struct presence_retry){0};
}

void members_lost(struct members *members)
{
  struct map_iter it = {0};
  struct map_entry *entry;
  members->generation++;
  members->restoring = true;
  members->retry = (struct presence_retry){0};
  while ((entry = map_next(&members->map, &it))) {
    struct member *member = container_of(entry, struct member, by_key);
    member->there = member->refused = false;
    if (member->wanted)
      set_restoring(members, member, true);
    settle(members, member);
  }
}

bool members_idle(const struct members *members)
{
  return !members->n_batches && list_empty(&members->joins) && list_empty(&members->leaves);
}

/* --- operations --------------------------------------------------------------------------- */

static bool is_refusal(plug_status status)
{
  return status != PLUG_OK && status != PLUG_EAGAIN && !presence_is_passing(status);
}

void members_answered(struct members_batch *batch, plug_status status)
{
  if (is_refusal(status) && batch->n > 1)
    return; /* of one of them, nobody knows which: each is answered when it has gone by itself */
  if (status == PLUG_EAGAIN)
    status = PLUG_OK;
  for (size_t i = 0; i < batch->n; i++) {
    struct member *member = batch->items[i];
    presence_answer(batch->is_join ? &member->join_waits : &member->leave_waits, status);
  }
}

static void member_released(struct members_batch *batch, struct member *member, plug_status status)
{
  struct members *members = batch->members;
  bool refused = is_refusal(status);
  member->under_way = false;
  if (status == PLUG_OK) {
    member->alone = false;
    member->there = batch->is_join && batch->generation == members->generation;
    member->maybe_there = batch->is_join;
  } else if (refused && batch->n > 1) {
    member->alone = true;
  } else if (refused) {
    member->refused = batch->is_join;
    member->maybe_there = false;
  }
  if (member->there || member->refused)
    set_restoring(members, member, false);
  settle(members, member);
}

void members_released(struct members_batch *batch, plug_status status, uint64_t now_ms)
{
  struct members *members = batch->members;
  members_answered(batch, status);
  if (status == PLUG_EAGAIN)
    status = PLUG_OK;
  members->n_batches--;
  if (status == PLUG_OK) {
    members->retry = (struct presence_retry){0};
  } else {
    members->n_failed++;
    if (presence_is_passing(status))
      presence_retry_after(&members->retry, now_ms);
  }
  for (size_t i = 0; i < batch->n; i++)
    member_released(batch, batch->items[i], status);
  free(batch);
}

static struct members_batch *take(struct members *members)
{
  struct members_batch *batch = malloc(sizeof *batch);
  if (!batch)
    return NULL;
  /* Who comes before who goes: a user who does both was never away. */
  batch->is_join = !list_empty(&members->joins);
  batch->members = members;
  batch->generation = members->generation;
  batch->n = 0;
  struct list *from = batch->is_join ? &members->joins : &members->leaves;
  struct list *node;
  while (batch->n < MEMBERS_BATCH && (node = list_first(from))) {
    struct member *member = container_of(node, struct member, todo);
    if (member->alone && batch->n)
      break;
    list_remove(node);
    member->under_way = true;
    member->maybe_there = true;
    member->there = false; /* of a leave, too: if it fails, nobody knows */
    batch->items[batch->n] = member;
    batch->v[batch->n++] = member->v;
    if (member->alone)
      break;
  }
  return batch;
}

void members_pump(struct members *members, uint64_t now_ms)
{
  const struct presence_backend *backend = members->backend;
  while (members->n_batches < BATCHES_MAX && members->retry.at_ms <= now_ms &&
         !(list_empty(&members->joins) && list_empty(&members->leaves))) {
    struct members_batch *batch = take(members);
    if (!batch) {
      presence_retry_after(&members->retry, now_ms);
      break;
    }
    members->n_batches++;
    plug_status status = backend->change(backend->ctx, batch->v, batch->n, batch);
    if (status != PLUG_PENDING)
      members_released(batch, status, now_ms);
  }
  if (members->restoring && !members->n_restoring) {
    members->restoring = false;
    backend->restored(backend->ctx);
  }
}

uint64_t members_next_ms(const struct members *members)
{
  bool any = !list_empty(&members->joins) || !list_empty(&members->leaves);
  return any && members->n_batches < BATCHES_MAX ? members->retry.at_ms : UINT64_MAX;
}
