#include "redis_handover.h"

enum {
  STUCK_MS = 1000, /* without a byte: the old connection leads nowhere */
  MAX_EXTENDED = 4,
};

static void drop_old(struct redis_handover *h)
{
  struct redis_conn *conn = h->old_conn;
  h->old_conn = NULL;
  h->state = REDIS_HANDOVER_NONE;
  h->env->host->timer_stop(h->timer);
  redis_conn_close(conn);
}

static void finish(struct redis_handover *h, bool gapless)
{
  drop_old(h);
  /* First the news that it is up, then what comes by it; unless that is its end. */
  h->events->over(h->arg, gapless);
  struct redis_conn *conn = h->new_conn;
  h->new_conn = NULL;
  if (conn != NULL)
    redis_conn_pause(conn, false);
}

static bool is_mark(const struct redis_handover *h, struct plug_str channel,
                    struct plug_str payload)
{
  if (h->state == REDIS_HANDOVER_BEHIND)
    return redis_str_eq(payload, (struct plug_str){h->mark, h->mark_len});
  return h->events->is_awaited(h->arg, channel, payload);
}

static struct plug_str text_at(const redisReply *reply, size_t i)
{
  const redisReply *e = reply->element[i];
  if (e == NULL || e->type != REDIS_REPLY_STRING)
    return (struct plug_str){"", 0};
  return (struct plug_str){e->str, e->len};
}

static void on_reply(void *arg, const redisReply *reply)
{
  struct redis_handover *h = arg;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
      !redis_str_eq(text_at(reply, 0), redis_str("message")))
    return;
  struct plug_str channel = text_at(reply, 1), payload = text_at(reply, 2);
  if (!is_mark(h, channel, payload)) {
    h->events->message(h->arg, channel, payload);
  } else if (h->state == REDIS_HANDOVER_BEHIND) {
    finish(h, true);
  } else {
    h->state = REDIS_HANDOVER_AHEAD;
    redis_conn_pause(h->old_conn, true);
  }
}

static void on_lost(void *arg, const struct redis_loss *loss)
{
  struct redis_handover *h = arg;
  (void)loss;
  if (h->state == REDIS_HANDOVER_BEHIND)
    finish(h, false);
  else
    drop_old(h);
}

static const struct redis_conn_events conn_events = {NULL, on_reply, on_lost};

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct redis_handover *h = arg;
  /* This thread may have been late rather than Redis: what is there already counts. */
  redis_conn_poll(h->old_conn);
  if (h->state != REDIS_HANDOVER_BEHIND)
    return;
  uint64_t received = redis_conn_received(h->old_conn);
  if (received != h->received && h->n_extended++ < MAX_EXTENDED) {
    h->received = received;
    h->env->host->timer_set(h->timer, STUCK_MS);
    return;
  }
  finish(h, false);
}

bool redis_handover_init(struct redis_handover *h, const struct redis_env *env,
                         const struct redis_handover_events *events, void *arg)
{
  *h = (struct redis_handover){.env = env, .events = events, .arg = arg};
  h->timer = env->host->timer_new(env->host, on_timer, h);
  return h->timer != NULL;
}

void redis_handover_fini(struct redis_handover *h)
{
  if (h->timer == NULL)
    return;
  drop_old(h);
  h->env->host->timer_free(h->timer);
  h->timer = NULL;
}

void redis_handover_keep(struct redis_handover *h, struct redis_conn *conn)
{
  drop_old(h);
  h->old_conn = conn;
  h->state = REDIS_HANDOVER_OLD;
  redis_conn_adopt(conn, &conn_events, h);
  redis_conn_pause(conn, false);
}

void redis_handover_fall_back(struct redis_handover *h)
{
  bool paused = h->state == REDIS_HANDOVER_AHEAD;
  h->new_conn = NULL;
  if (h->state == REDIS_HANDOVER_NONE)
    return;
  h->state = REDIS_HANDOVER_OLD;
  h->env->host->timer_stop(h->timer);
  if (paused)
    redis_conn_pause(h->old_conn, false);
}

bool redis_handover_ignores(const struct redis_handover *h)
{
  return h->state != REDIS_HANDOVER_NONE;
}

bool redis_handover_reach(struct redis_handover *h, struct redis_conn *conn, struct plug_str mark,
                          bool *gapless)
{
  *gapless = h->state == REDIS_HANDOVER_AHEAD;
  if (h->state != REDIS_HANDOVER_OLD || mark.len > sizeof h->mark) {
    if (h->state != REDIS_HANDOVER_NONE)
      drop_old(h);
    return true;
  }
  h->state = REDIS_HANDOVER_BEHIND;
  h->new_conn = conn;
  memcpy(h->mark, mark.ptr, mark.len);
  h->mark_len = mark.len;
  h->n_extended = 0;
  h->received = redis_conn_received(h->old_conn);
  h->env->host->timer_set(h->timer, STUCK_MS);
  redis_conn_pause(conn, true);
  return false;
}
