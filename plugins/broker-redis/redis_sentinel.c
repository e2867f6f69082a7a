#include "redis_sentinel.h"

#include <stdio.h>
#include <stdlib.h>

enum { REWATCH_MS = 1000 };

struct redis_sentinel {
  const struct redis_env *env;
  struct redis_tasks *tasks;
  struct redis_sentinel_config config;
  const struct redis_sentinel_events *events;
  void *arg;
  struct redis_conn *conn;
  struct plug_timer *timer; /* asking: time limit of this sentinel; else: when to watch again */
  size_t current;           /* index of the sentinel of conn */
  size_t n_tried;           /* of this round of questions */
  bool asking;              /* a question is under way */
  bool wanted;              /* and the owner waits for the answer */
  struct redis_addr master; /* last answer; port 0: none yet */
  bool nobody;              /* none of those tried in this round listens */
  struct redis_loss loss;   /* what the last sentinel was unable to do */
};

static void try_current(struct redis_sentinel *s);

static void hang_up(struct redis_sentinel *s)
{
  struct redis_conn *conn = s->conn;
  s->conn = NULL;
  redis_conn_close(conn);
}

/* This sentinel is of no use now: on to the next one, or give up until later. */
static void move_on(struct redis_sentinel *s, plug_status status, const char *why)
{
  char addr[REDIS_ADDR_TEXT];
  s->nobody = s->nobody && status == PLUG_ESTATE;
  s->loss.status = s->nobody ? PLUG_ESTATE : PLUG_EUNAVAIL;
  snprintf(s->loss.why, sizeof s->loss.why, "Sentinel %.100s: %.200s",
           redis_addr_text(&s->config.addrs[s->current], addr), why);
  hang_up(s);
  s->current = (s->current + 1) % s->config.n_addrs;
  if (++s->n_tried < s->config.n_addrs) {
    try_current(s);
    return;
  }
  s->asking = false;
  s->env->host->timer_set(s->timer, REWATCH_MS);
  if (s->wanted) {
    s->wanted = false;
    s->events->failed(s->arg, &s->loss);
  }
}

static void next(struct redis_sentinel *s, const char *why)
{
  move_on(s, PLUG_EUNAVAIL, why);
}

/* As next; the explanations of errors speak of the login at Redis itself. */
static void refused(struct redis_sentinel *s, plug_status status, const char *why)
{
  char text[REDIS_WHY_MAX];
  snprintf(text, sizeof text, "%.130s%s", why,
           status == PLUG_EDENIED ? " (at Sentinels sentinel-username and sentinel-password)" : "");
  move_on(s, status, text);
}

static void on_ready(void *arg)
{
  struct redis_sentinel *s = arg;
  const struct plug_str argv[] = {redis_str("SENTINEL"), redis_str("get-master-addr-by-name"),
                                  redis_str(s->config.master)};
  if (!redis_conn_command(s->conn, argv, 3))
    next(s, "out of memory");
}

static struct plug_str text_of(const redisReply *reply)
{
  return reply->type == REDIS_REPLY_STRING ? (struct plug_str){reply->str, reply->len}
                                           : (struct plug_str){"", 0};
}

static bool make_addr(struct plug_str host, struct plug_str port, struct redis_addr *addr)
{
  unsigned long number = 0;
  if (host.len == 0 || host.len > REDIS_HOST_MAX || port.len == 0 || port.len > 5)
    return false;
  for (size_t i = 0; i < port.len; i++) {
    if (port.ptr[i] < '0' || port.ptr[i] > '9')
      return false;
    number = number * 10 + (unsigned long)(port.ptr[i] - '0');
  }
  if (number == 0 || number > 65535)
    return false;
  memset(addr, 0, sizeof *addr);
  memcpy(addr->host, host.ptr, host.len);
  addr->port = (uint16_t)number;
  return true;
}

bool redis_sentinel_parse_switch(struct plug_str text, const char *master, struct redis_addr *addr)
{
  struct plug_str words[5];
  size_t n = 0;
  const char *p = text.ptr, *end = text.ptr + text.len;
  while (p < end && n < 5) {
    const char *space = memchr(p, ' ', (size_t)(end - p));
    const char *stop = space == NULL ? end : space;
    words[n++] = (struct plug_str){p, (size_t)(stop - p)};
    p = space == NULL ? end : space + 1;
  }
  return n == 5 && redis_str_eq(words[0], redis_str(master)) && make_addr(words[3], words[4], addr);
}

static void answer(struct redis_sentinel *s, const struct redis_addr *addr)
{
  bool wanted = s->wanted, moved = s->master.port != 0 && !redis_addr_eq(&s->master, addr);
  s->master = *addr;
  s->asking = s->wanted = false;
  s->env->host->timer_stop(s->timer);
  if (wanted)
    s->events->found(s->arg, addr);
  else if (moved)
    s->events->moved(s->arg, addr);
}

static void on_answer(struct redis_sentinel *s, const redisReply *reply)
{
  struct redis_addr addr;
  if (reply->type == REDIS_REPLY_ERROR) {
    struct plug_str error = {reply->str, reply->len};
    char why[REDIS_WHY_MAX];
    redis_error_explain(error, false, why);
    refused(s, redis_error_status(error), why);
  } else if (reply->type == REDIS_REPLY_NIL) {
    next(s, "it knows no master of that name: check the option master");
  } else if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
             !make_addr(text_of(reply->element[0]), text_of(reply->element[1]), &addr)) {
    next(s, "its answer makes no sense");
  } else {
    const struct plug_str argv[] = {redis_str("SUBSCRIBE"), redis_str("+switch-master")};
    if (redis_conn_command(s->conn, argv, 2))
      answer(s, &addr);
    else
      next(s, "out of memory");
  }
}

static void on_reply(void *arg, const redisReply *reply)
{
  struct redis_sentinel *s = arg;
  struct redis_addr addr;
  if (s->asking)
    on_answer(s, reply);
  else if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
           redis_str_eq(text_of(reply->element[0]), redis_str("message")) &&
           redis_sentinel_parse_switch(text_of(reply->element[2]), s->config.master, &addr))
    answer(s, &addr);
}

static void on_lost(void *arg, const struct redis_loss *loss)
{
  struct redis_sentinel *s = arg;
  if (s->asking) {
    refused(s, loss->status, loss->why);
    return;
  }
  hang_up(s);
  s->env->host->timer_set(s->timer, REWATCH_MS);
}

static const struct redis_conn_events conn_events = {on_ready, on_reply, on_lost};

static void try_current(struct redis_sentinel *s)
{
  s->env->host->timer_set(s->timer, s->config.timeout_ms);
  s->conn = redis_conn_open(s->env, s->tasks, &s->config.addrs[s->current], &s->config.login,
                            &conn_events, s, &s->loss);
  if (s->conn == NULL)
    s->env->host->timer_set(s->timer, 0); /* so that no event comes from inside of ask */
}

static void begin(struct redis_sentinel *s)
{
  s->asking = s->nobody = true;
  s->n_tried = 0;
  try_current(s);
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct redis_sentinel *s = arg;
  if (!s->asking) {
    begin(s);
  } else if (s->conn == NULL) {
    struct redis_loss loss = s->loss;
    refused(s, loss.status, loss.why);
  } else {
    next(s, redis_conn_is_ready(s->conn) ? "no answer in time" : redis_conn_late(s->conn));
  }
}

void redis_sentinel_ask(struct redis_sentinel *s)
{
  s->wanted = true;
  if (s->asking)
    return; /* the answer that is under way will do */
  hang_up(s);
  /* Where the last answer led to is of no use: that Sentinel may be cut off from the others, and
   * would give the same answer for ever. */
  if (s->master.port != 0)
    s->current = (s->current + 1) % s->config.n_addrs;
  begin(s);
}

struct redis_sentinel *redis_sentinel_new(const struct redis_env *env, struct redis_tasks *tasks,
                                          const struct redis_sentinel_config *config,
                                          const struct redis_sentinel_events *events, void *arg)
{
  struct redis_sentinel *s = calloc(1, sizeof *s);
  if (s == NULL)
    return NULL;
  s->env = env;
  s->tasks = tasks;
  s->config = *config;
  s->events = events;
  s->arg = arg;
  s->timer = env->host->timer_new(env->host, on_timer, s);
  if (s->timer == NULL) {
    free(s);
    return NULL;
  }
  return s;
}

void redis_sentinel_free(struct redis_sentinel *s)
{
  if (s == NULL)
    return;
  hang_up(s);
  s->env->host->timer_free(s->timer);
  free(s);
}
