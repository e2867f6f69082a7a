#include "redis_watch.h"

#include <stdlib.h>

#include "redis_change.h"

struct redis_watch_op {
  struct redis_watch_op *next;
  struct plug_op *op; /* NULL: nobody waits any more */
};

void redis_watch_init(struct redis_watch *watch, const struct redis_env *env,
                      const struct plug_broker_presence_up *up, struct redis_topics *topics,
                      struct plug_str channel, size_t max_ops)
{
  *watch = (struct redis_watch){
      .env = env, .up = up, .topics = topics, .channel = channel, .max_ops = max_ops};
  watch->tail = &watch->head;
}

void redis_watch_fini(struct redis_watch *watch)
{
  redis_buf_fini(&watch->name);
}

/* The name of its channel. Empty: out of memory. */
static struct plug_str name_of(struct redis_watch *watch, struct plug_str topic)
{
  redis_buf_clear(&watch->name);
  redis_buf_put(&watch->name, watch->channel.ptr, watch->channel.len);
  redis_buf_put(&watch->name, topic.ptr, topic.len);
  return watch->name.failed ? (struct plug_str){"", 0} : redis_buf_str(&watch->name);
}

plug_status redis_watch_add(struct redis_watch *watch, struct plug_str topic, struct plug_op *op,
                            bool *broken)
{
  struct plug_str name = name_of(watch, topic);
  *broken = false;
  if (watch->n_ops >= watch->max_ops)
    return PLUG_EUNAVAIL;
  struct redis_watch_op *added = malloc(sizeof *added);
  if (added == NULL || name.len == 0) {
    free(added);
    return PLUG_ENOMEM;
  }
  *added = (struct redis_watch_op){.op = op};
  *watch->tail = added;
  watch->tail = &added->next;
  watch->n_ops++;
  *broken = !redis_topics_listen(watch->topics, name, true);
  return PLUG_PENDING;
}

void redis_watch_remove(struct redis_watch *watch, struct plug_str topic, bool *broken)
{
  struct plug_str name = name_of(watch, topic);
  /* Without a name what still comes is ignored by the server. */
  *broken = name.len > 0 && !redis_topics_listen(watch->topics, name, false);
}

static void finish(struct redis_watch *watch, struct redis_watch_op *op, plug_status status,
                   const char *why)
{
  if (op->op != NULL)
    watch->env->host->op_done(op->op, status, redis_str(why));
  op->op = NULL;
}

void redis_watch_answered(struct redis_watch *watch, plug_status status, const char *why)
{
  struct redis_watch_op *op = watch->head;
  if (op == NULL)
    return;
  watch->head = op->next;
  if (watch->head == NULL)
    watch->tail = &watch->head;
  watch->n_ops--;
  finish(watch, op, status, why);
  free(op);
}

void redis_watch_fail(struct redis_watch *watch, plug_status status, const char *why)
{
  for (struct redis_watch_op *op = watch->head; op != NULL; op = op->next)
    finish(watch, op, status, why);
}

void redis_watch_reset(struct redis_watch *watch, plug_status status, const char *why)
{
  while (watch->head != NULL)
    redis_watch_answered(watch, status, why);
}

static void tell(struct redis_watch *watch, struct plug_str topic, const struct redis_change *c,
                 uint64_t epoch)
{
  const struct plug_presence_change change = {.size = sizeof change,
                                              .kind = c->joined ? PLUG_PRESENCE_JOINED
                                                                : PLUG_PRESENCE_LEFT,
                                              .topic = topic,
                                              .user = c->user,
                                              .info = c->info,
                                              .users = c->users,
                                              .pos = {.offset = c->offset, .epoch = epoch}};
  redis_count(watch->env, REDIS_M_PRESENCE_CHANGES, 1);
  watch->up->changed(watch->env->host, &change);
}

bool redis_watch_hear(struct redis_watch *watch, struct plug_str channel, struct plug_str message)
{
  size_t skip = watch->channel.len;
  struct redis_changes in;
  struct redis_change change;
  if (channel.len < skip || memcmp(channel.ptr, watch->channel.ptr, skip) != 0)
    return false;
  struct plug_str topic = {channel.ptr + skip, channel.len - skip};
  bool ok = redis_changes_open(&in, message);
  while (ok && in.n_left > 0) {
    ok = redis_changes_next(&in, &change);
    if (ok)
      tell(watch, topic, &change, in.epoch);
  }
  if (!ok) {
    redis_count(watch->env, REDIS_M_PRESENCE_BAD_CHANGES, 1);
    redis_log_limited(watch->env, &watch->bad_limit, PLUG_LOG_WARN,
                      "dropped a message of %zu bytes on the channel %.*s: it says nothing about "
                      "presence; something else publishes there",
                      message.len, (int)(channel.len < 200 ? channel.len : 200), channel.ptr);
  }
  return true;
}
