#include "access/refused_users.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/str.h"
#include "base/utf8.h"

struct refused {
  struct map_entry by_user;
  uint64_t until_ms;
  char reason[REFUSED_REASON_MAX + 1];
  char user[];
};

struct refused_users {
  pthread_mutex_t mutex; /* protects what follows, but for reading n */
  struct map map;
  _Atomic size_t n; /* of map; nearly always 0, and nobody waits then */
  size_t max;
  uint64_t sweep_ms; /* not before then is it looked through again */
};

#define SWEEP_MS 1000 /* who is looked through for room when it is full */

struct refused_users *refused_users_new(size_t max)
{
  struct refused_users *users = calloc(1, sizeof *users);
  if (!users)
    return NULL;
  pthread_mutex_init(&users->mutex, NULL);
  users->max = max;
  return users;
}

static void forget(struct refused_users *users, struct refused *refused)
{
  map_remove(&users->map, &refused->by_user);
  free(refused);
  atomic_store_explicit(&users->n, users->map.count, memory_order_release);
}

/* Those whose time is over before then. */
static void sweep(struct refused_users *users, uint64_t until_ms)
{
  struct map_iter it = {0, NULL};
  struct map_entry *e;
  while ((e = map_next(&users->map, &it))) {
    struct refused *refused = container_of(e, struct refused, by_user);
    if (refused->until_ms <= until_ms)
      forget(users, refused);
  }
}

void refused_users_free(struct refused_users *users)
{
  if (!users)
    return;
  sweep(users, UINT64_MAX);
  map_fini(&users->map);
  pthread_mutex_destroy(&users->mutex);
  free(users);
}

static struct refused *find(const struct refused_users *users, struct plug_str user)
{
  struct map_entry *e = map_find(&users->map, user);
  return e ? container_of(e, struct refused, by_user) : NULL;
}

static struct refused *add(struct refused_users *users, struct plug_str user, uint64_t now_ms)
{
  if (users->map.count >= users->max && now_ms >= users->sweep_ms) {
    sweep(users, now_ms);
    users->sweep_ms = now_ms + SWEEP_MS;
  }
  struct refused *refused =
      users->map.count < users->max ? calloc(1, sizeof *refused + user.len) : NULL;
  if (!refused)
    return NULL;
  if (user.len)
    memcpy(refused->user, user.ptr, user.len);
  refused->by_user.key = str_from(refused->user, user.len);
  if (!map_insert(&users->map, &refused->by_user)) {
    free(refused);
    return NULL;
  }
  atomic_store_explicit(&users->n, users->map.count, memory_order_release);
  return refused;
}

bool refused_users_add(struct refused_users *users, struct plug_str user, struct plug_str reason,
                       uint64_t now_ms, uint64_t until_ms)
{
  pthread_mutex_lock(&users->mutex);
  struct refused *refused = find(users, user);
  if (!refused)
    refused = add(users, user, now_ms);
  if (refused) {
    size_t len = utf8_cut(reason.ptr, reason.len, REFUSED_REASON_MAX);
    refused->until_ms = until_ms;
    if (len)
      memcpy(refused->reason, reason.ptr, len);
    refused->reason[len] = '\0';
  }
  pthread_mutex_unlock(&users->mutex);
  return refused != NULL;
}

bool refused_users_find(struct refused_users *users, struct plug_str user, uint64_t now_ms,
                        char reason[REFUSED_REASON_MAX + 1])
{
  bool is_refused = false;
  if (!atomic_load_explicit(&users->n, memory_order_acquire))
    return false;
  pthread_mutex_lock(&users->mutex);
  struct refused *refused = find(users, user);
  if (refused && refused->until_ms <= now_ms)
    forget(users, refused);
  else if (refused) {
    is_refused = true;
    memcpy(reason, refused->reason, sizeof refused->reason);
  }
  pthread_mutex_unlock(&users->mutex);
  return is_refused;
}
