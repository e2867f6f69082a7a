#include "redis_reaper.h"

#include <stdio.h>
#include <stdlib.h>

#include "redis_change.h"

void redis_reaper_init(struct redis_reaper *reaper, const struct redis_env *env,
                       const struct redis_presence_names *names,
                       const struct redis_scripts *scripts)
{
  *reaper = (struct redis_reaper){.env = env, .names = *names};
  redis_call_init(&reaper->call, scripts);
}

void redis_reaper_fini(struct redis_reaper *reaper)
{
  redis_call_fini(&reaper->call);
}

void redis_reaper_add(struct redis_reaper *reaper, struct plug_str name)
{
  if (name.len == 0 || name.len >= REDIS_LEASE_NAME || reaper->n_dead == REDIS_REAPER_MAX)
    return;
  for (size_t i = 0; i < reaper->n_dead; i++)
    if (redis_str_eq(redis_str(reaper->dead[i]), name))
      return;
  char *to = reaper->dead[reaper->n_dead++];
  memcpy(to, name.ptr, name.len);
  to[name.len] = '\0';
}

void redis_reaper_clear(struct redis_reaper *reaper)
{
  reaper->n_dead = 0;
  reaper->step = REDIS_REAPER_PEEK;
}

struct redis_call *redis_reaper_next(struct redis_reaper *reaper)
{
  struct redis_call *call = &reaper->call;
  if (reaper->n_dead == 0)
    return NULL;
  struct plug_str name = redis_str(reaper->dead[0]), base = reaper->names.base;
  if (reaper->step == REDIS_REAPER_APPLY)
    return call; /* made of what was seen */
  redis_call_start(call, reaper->step == REDIS_REAPER_PEEK ? REDIS_SCRIPT_PEEK : REDIS_SCRIPT_BURY);
  if (reaper->step == REDIS_REAPER_BURY)
    redis_call_key(call, base, redis_str("leases"), redis_str(""));
  redis_call_key(call, base, redis_str("n:"), name);
  if (reaper->step == REDIS_REAPER_PEEK)
    redis_call_arg_number(call, REDIS_REAPER_PER_CALL);
  else
    redis_call_arg(call, name);
  return call;
}

static void drop_first(struct redis_reaper *reaper)
{
  memmove(reaper->dead[0], reaper->dead[1], (reaper->n_dead - 1) * sizeof reaper->dead[0]);
  reaper->n_dead--;
  reaper->step = REDIS_REAPER_PEEK;
}

static int compare_topics(const void *a, const void *b)
{
  const struct redis_member_name *x = a, *y = b;
  return redis_str_compare(x->topic, y->topic);
}

static void put_groups(struct redis_reaper *reaper, const struct redis_member_name *v, size_t n)
{
  for (size_t from = 0, to; from < n; from = to) {
    for (to = from; to < n && redis_str_eq(v[to].topic, v[from].topic); to++)
      ;
    redis_call_group(&reaper->call, &reaper->names, false, v[from].topic, to - from);
    for (size_t i = from; i < to; i++)
      redis_call_arg(&reaper->call, v[i].member);
  }
}

/* False: that is not what members are kept as. */
static bool make_apply(struct redis_reaper *reaper, const redisReply *fields)
{
  struct redis_member_name v[REDIS_REAPER_PER_CALL];
  size_t n = fields->elements;
  if (n > REDIS_REAPER_PER_CALL)
    return false;
  for (size_t i = 0; i < n; i++) {
    const redisReply *f = fields->element[i];
    if (f == NULL || f->type != REDIS_REPLY_STRING ||
        !redis_member_name_read((struct plug_str){f->str, f->len}, &v[i]))
      return false;
  }
  qsort(v, n, sizeof v[0], compare_topics);
  redis_call_start(&reaper->call, REDIS_SCRIPT_APPLY);
  redis_call_key(&reaper->call, reaper->names.base, redis_str("leases"), redis_str(""));
  redis_call_key(&reaper->call, reaper->names.base, redis_str("n:"), redis_str(reaper->dead[0]));
  redis_call_arg(&reaper->call, redis_str("")); /* the lease is known to be over */
  redis_call_arg_number(&reaper->call, reaper->env->host->now_ms(reaper->env->host) % 1000);
  put_groups(reaper, v, n);
  return true;
}

static void take_fields(struct redis_reaper *reaper, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 0) {
    reaper->step = REDIS_REAPER_BURY;
  } else if (reply->type == REDIS_REPLY_ARRAY && make_apply(reaper, reply)) {
    reaper->step = REDIS_REAPER_APPLY;
  } else {
    redis_log_limited(reaper->env, &reaper->strange_limit, PLUG_LOG_ERROR,
                      "the members of the dead node %s cannot be taken away: something else has "
                      "written to %.*sn:%s",
                      reaper->dead[0], (int)reaper->names.base.len, reaper->names.base.ptr,
                      reaper->dead[0]);
    drop_first(reaper);
  }
}

void redis_reaper_take(struct redis_reaper *reaper, const redisReply *reply)
{
  if (reaper->n_dead == 0)
    return;
  if (reply->type == REDIS_REPLY_ERROR) {
    drop_first(reaper);
  } else if (reaper->step == REDIS_REAPER_PEEK) {
    take_fields(reaper, reply);
  } else if (reaper->step == REDIS_REAPER_APPLY) {
    int64_t n = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_STRING && i < reply->len; i++)
      n += reply->str[i] == '1';
    redis_count(reaper->env, REDIS_M_PRESENCE_REAPED, n);
    reaper->step = REDIS_REAPER_PEEK;
  } else if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0) {
    reaper->step = REDIS_REAPER_PEEK;
  } else {
    drop_first(reaper);
  }
}
