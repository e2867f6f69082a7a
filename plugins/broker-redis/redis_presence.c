#include "redis_presence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "redis_lease.h"
#include "redis_listing.h"
#include "redis_members.h"
#include "redis_reaper.h"
#include "redis_reply.h"
#include "redis_watch.h"

/* What is under way at Redis. */
enum task { NONE, LEASE, CONDEMN, MEMBERS, LIST, REAP };

struct redis_presence {
  const struct redis_env *env;
  const struct plug_broker_presence_up *up;
  struct redis_presence_config config;
  struct redis_publisher *pub;
  const struct redis_presence_events *events;
  void *arg;
  struct redis_buf text; /* of the names */
  struct redis_presence_names names;
  struct redis_scripts scripts;
  struct redis_lease lease;
  struct redis_members members;
  struct redis_listing listing;
  struct redis_reaper reaper;
  struct redis_watch watch;
  struct redis_call call;
  struct plug_timer *timer; /* NULL until the first connection */

  bool connected;
  bool in_use; /* the server has asked for something */
  bool held;   /* Redis has the name of the lease, and members may be joined under it */
  bool due;    /* the lease is to be entered or renewed next */
  bool entering;
  bool tells_lost; /* when the lease is held */
  bool told;       /* already, as there is none to be had */
  bool condemns;   /* the old names are to be condemned */
  bool leaves;     /* the name, too, and nothing follows */
  bool gone;       /* that is done */

  enum task task, last_task;
  struct redis_call *sent; /* of the task, if it is a script */
  bool whole;              /* sent as EVAL */
  size_t n_replies;        /* that the task still waits for */
  uint64_t sent_ms, random;
  char refused[REDIS_WHY_MAX]; /* why there is no lease; empty: nothing is known against it */
  plug_status refused_status;
  struct host_log_limit error_limit;
};

static const char lease_gone[] = "another node has declared this one dead, or Redis was emptied";

static void advance(struct redis_presence *p);

static uint64_t next_random(struct redis_presence *p)
{
  if (getrandom(&p->random, sizeof p->random, GRND_NONBLOCK) != sizeof p->random)
    p->random = p->random * UINT64_C(6364136223846793005) + p->env->host->now_ms(p->env->host);
  return p->random;
}

static uint64_t now_ms(const struct redis_presence *p)
{
  return p->env->host->now_ms(p->env->host);
}

/* Up to a quarter earlier, so that the nodes of a cluster do not do the same at the same time. */
static void set_timer(struct redis_presence *p)
{
  p->env->host->timer_set(p->timer,
                          p->config.renew_ms - next_random(p) % (p->config.renew_ms / 4 + 1));
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct redis_presence *p = arg;
  p->due = true;
  advance(p);
}

static bool send_command(void *arg, const struct plug_str *argv, size_t argc)
{
  struct redis_presence *p = arg;
  return redis_publisher_own(p->pub, REDIS_OWN_PRESENCE, argv, argc);
}

static void send_call(struct redis_presence *p, struct redis_call *call, bool whole)
{
  size_t argc;
  const struct plug_str *argv = redis_call_argv(call, whole, &argc);
  p->sent = call;
  p->whole = whole;
  p->n_replies = 1;
  p->sent_ms = now_ms(p);
  if (argv == NULL || !send_command(p, argv, argc))
    p->events->broken(p->arg, "out of memory");
}

static void start_leases_call(struct redis_presence *p, enum redis_script script)
{
  redis_call_start(&p->call, script);
  redis_call_key(&p->call, p->names.base, redis_str("leases"), redis_str(""));
}

static void send_lease(struct redis_presence *p)
{
  uint64_t from, to;
  const struct redis_lease *lease = &p->lease;
  p->due = false;
  p->entering = !p->held;
  start_leases_call(p, REDIS_SCRIPT_LEASE);
  redis_call_key(&p->call, p->names.base, redis_str("n:"), redis_str(lease->name));
  redis_call_arg_number(&p->call, p->config.ttl_ms);
  redis_call_arg(&p->call, redis_str(p->entering ? lease->name : ""));
  if (redis_lease_bounds(lease, now_ms(p), &from, &to)) {
    redis_call_arg_number(&p->call, from);
    redis_call_arg_number(&p->call, to);
  } else {
    redis_call_arg(&p->call, redis_str(""));
    redis_call_arg(&p->call, redis_str(""));
  }
  redis_call_arg(&p->call, p->names.channel);
  if (!p->entering)
    redis_call_arg(&p->call, redis_str(lease->name));
  for (size_t i = 0; i < lease->n_old; i++)
    redis_call_arg(&p->call, redis_str(lease->old[i]));
  send_call(p, &p->call, false);
}

static void send_condemn(struct redis_presence *p)
{
  start_leases_call(p, REDIS_SCRIPT_CONDEMN);
  for (size_t i = 0; i < p->lease.n_old; i++)
    redis_call_arg(&p->call, redis_str(p->lease.old[i]));
  if (p->leaves)
    redis_call_arg(&p->call, redis_str(p->lease.name));
  send_call(p, &p->call, false);
}

static bool is_ready(struct redis_presence *p, enum task task)
{
  switch (task) {
  case MEMBERS:
    return p->held && !redis_members_idle(&p->members);
  case LIST:
    return !redis_listing_idle(&p->listing);
  case REAP:
    return p->reaper.n_dead > 0;
  default:
    return false;
  }
}

/* The lease first, then the others in turn. */
static enum task choose(struct redis_presence *p)
{
  static const enum task turns[] = {MEMBERS, LIST, REAP};
  size_t first = p->last_task == MEMBERS ? 1 : p->last_task == LIST ? 2 : 0;
  if (p->due && p->in_use && !p->leaves)
    return LEASE;
  if (p->condemns && (p->held || p->leaves))
    return CONDEMN;
  for (size_t i = 0; i < 3; i++) {
    enum task task = turns[(first + i) % 3];
    if (is_ready(p, task))
      return task;
  }
  return NONE;
}

static void advance(struct redis_presence *p)
{
  if (!p->connected || p->task != NONE)
    return;
  p->task = choose(p);
  p->sent = NULL;
  switch (p->task) {
  case LEASE:
    send_lease(p);
    break;
  case CONDEMN:
    send_condemn(p);
    break;
  case MEMBERS:
    p->lease.used = true;
    redis_members_fill(&p->members, &p->call, redis_str(p->lease.name));
    send_call(p, &p->call, false);
    break;
  case LIST:
    if (!redis_listing_next(&p->listing, send_command, p, &p->n_replies))
      p->events->broken(p->arg, "out of memory");
    break;
  case REAP:
    send_call(p, redis_reaper_next(&p->reaper), false);
    break;
  case NONE:
    break;
  }
}

static void fail_all(struct redis_presence *p, plug_status status, const char *why)
{
  redis_members_fail(&p->members, status, why);
  redis_listing_fail(&p->listing, status, why);
  redis_watch_fail(&p->watch, status, why);
}

/* Another name, under which all members are to be joined again. */
static void begin_again(struct redis_presence *p, bool condemned)
{
  p->held = false;
  p->condemns = false;
  p->tells_lost = true;
  p->told = false;
  redis_lease_rename(&p->lease, next_random(p), condemned);
}

/* at_once: else with the next renewal, lest it go round and round. */
static void relapse(struct redis_presence *p, bool condemned, bool at_once, const char *why)
{
  redis_count(p->env, REDIS_M_PRESENCE_REJOINS, 1);
  redis_log(p->env, PLUG_LOG_WARN, "presence: %s: all members are joined again", why);
  begin_again(p, condemned);
  fail_all(p, PLUG_EUNAVAIL, "all members are joined again");
  p->due = at_once;
}

/* Nothing of before succeeds after it. */
static void tell_lost(struct redis_presence *p)
{
  fail_all(p, PLUG_EUNAVAIL, "all members are joined again");
  p->tells_lost = p->told = false;
  p->up->lost(p->env->host);
}

/* There is no lease to be had: say so once, and to all who ask. */
static void refuse(struct redis_presence *p, plug_status status, const char *why)
{
  if (strcmp(p->refused, why) != 0)
    redis_log(p->env, PLUG_LOG_ERROR,
              "presence does not work, messages do: %s (see Presence in docs/broker-redis.md; "
              "tried again "
              "every %" PRIu64 " ms)",
              why, p->config.renew_ms);
  snprintf(p->refused, sizeof p->refused, "%s", why);
  p->refused_status = status;
  if (!p->entering)
    return; /* the lease lasts a while yet */
  redis_members_fail(&p->members, status, why);
  /* Told now for the sake of what is watched, and once more when members can be joined: what was
   * denied is not tried again before. */
  bool tells = p->tells_lost && !p->told;
  p->tells_lost = p->told = true;
  if (tells)
    p->up->lost(p->env->host);
}

static void take_lease(struct redis_presence *p, const redisReply *reply)
{
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4 ||
      reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[0]->integer <= 0 ||
      reply->element[3]->type != REDIS_REPLY_ARRAY) {
    refuse(p, PLUG_EINTERNAL, "Redis answered with something that is no lease");
    return;
  }
  const struct redis_lease_answer answer = {.server_ms = (uint64_t)reply->element[0]->integer,
                                            .replid = redis_reply_str(reply, 1),
                                            .alive = redis_reply_str(reply, 2)};
  const redisReply *dead = reply->element[3];
  for (size_t i = 0; i < dead->elements; i++)
    redis_reaper_add(&p->reaper, redis_reply_str(dead, i));
  if (p->refused[0] != '\0')
    redis_log(p->env, PLUG_LOG_INFO, "presence works again");
  p->refused[0] = '\0';
  enum redis_lease_verdict verdict =
      redis_lease_take(&p->lease, &answer, p->entering, p->sent_ms, now_ms(p));
  if (verdict == REDIS_LEASE_OVER) {
    relapse(p, true, true, lease_gone);
  } else if (verdict == REDIS_LEASE_STRANGE) {
    relapse(p, false, true, "Redis is not the one that it was");
  } else {
    p->held = true;
    if (p->tells_lost)
      tell_lost(p);
  }
}

static void take_members(struct redis_presence *p, const redisReply *reply)
{
  enum redis_members_result result = redis_members_take(&p->members, reply);
  if (result == REDIS_MEMBERS_OVER)
    relapse(p, true, true, lease_gone);
  else if (result == REDIS_MEMBERS_LOST)
    relapse(p, false, false, "a script was broken off, and nobody knows what it has written");
}

static void take_condemned(struct redis_presence *p, const redisReply *reply)
{
  p->condemns = false;
  if (reply->type != REDIS_REPLY_ERROR) {
    for (size_t i = 0; i < p->lease.n_old; i++)
      redis_reaper_add(&p->reaper, redis_str(p->lease.old[i]));
    if (p->leaves)
      redis_reaper_add(&p->reaper, redis_str(p->lease.name));
  }
  /* In case of an error they just run out. */
  p->lease.n_old = 0;
  p->gone = p->leaves;
}

static void on_error(struct redis_presence *p, enum task task, struct plug_str error)
{
  char why[REDIS_WHY_MAX];
  error = redis_script_error(error);
  redis_error_explain(error, false, why);
  if (task == LEASE) {
    refuse(p, redis_error_status(error), why);
  } else if (error.len < 7 || memcmp(error.ptr, "NOLEASE", 7) != 0) {
    redis_log_limited(p->env, &p->error_limit, PLUG_LOG_WARN,
                      "Redis refused a step of presence: %s", why);
  }
}

/* True if the script goes out again. */
static bool goes_again(struct redis_presence *p, const redisReply *reply)
{
  if (p->sent == NULL || p->whole || reply->len < 8 || memcmp(reply->str, "NOSCRIPT", 8) != 0)
    return false;
  send_call(p, p->sent, true);
  return true;
}

static void take(struct redis_presence *p, enum task task, const redisReply *reply)
{
  bool is_error = reply->type == REDIS_REPLY_ERROR;
  if (is_error && task != LIST) {
    redis_count(p->env, REDIS_M_PRESENCE_ERRORS, 1);
    on_error(p, task, (struct plug_str){reply->str, reply->len});
  }
  switch (task) {
  case LEASE:
    set_timer(p);
    if (!is_error)
      take_lease(p, reply);
    break;
  case CONDEMN:
    take_condemned(p, reply);
    break;
  case MEMBERS:
    take_members(p, reply);
    break;
  case LIST: /* taken as it came */
    break;
  case REAP:
    redis_reaper_take(&p->reaper, reply);
    break;
  case NONE:
    break;
  }
}

void redis_presence_reply(struct redis_presence *p, const redisReply *reply)
{
  if (p == NULL || !p->connected || p->task == NONE)
    return;
  if (reply->type == REDIS_REPLY_ERROR) {
    struct plug_str error = {reply->str, reply->len};
    if (redis_error_is_fatal(error)) {
      char why[REDIS_WHY_MAX];
      redis_error_explain(error, false, why);
      p->events->broken(p->arg, why);
      return;
    }
    if (goes_again(p, reply))
      return;
  }
  if (p->task == LIST)
    redis_listing_take(&p->listing, reply);
  if (--p->n_replies > 0)
    return;
  enum task task = p->task;
  p->last_task = task;
  p->task = NONE;
  take(p, task, reply);
  advance(p);
  p->events->progress(p->arg);
}

struct redis_presence *redis_presence_new(const struct redis_env *env,
                                          const struct redis_presence_config *config,
                                          struct redis_publisher *pub, struct redis_topics *topics,
                                          const struct redis_presence_events *events, void *arg,
                                          bool *none)
{
  const struct plug_broker_presence_up *up =
      env->host->extension(env->host, PLUG_EXT_BROKER_PRESENCE);
  *none = up == NULL || !PLUG_HAS(up, user) || !PLUG_HAS(up, total) || !PLUG_HAS(up, changed) ||
          !PLUG_HAS(up, lost);
  if (*none)
    return NULL;
  struct redis_presence *p = calloc(1, sizeof *p);
  if (p == NULL)
    return NULL;
  p->env = env;
  p->up = up;
  p->config = *config;
  p->pub = pub;
  p->events = events;
  p->arg = arg;
  if (!redis_presence_names_make(&p->names, &p->text, config->prefix) ||
      !redis_scripts_init(&p->scripts)) {
    redis_presence_free(p);
    return NULL;
  }
  redis_lease_init(&p->lease, env->host->node, config->ttl_ms, config->renew_ms);
  redis_call_init(&p->call, &p->scripts);
  redis_members_init(&p->members, env, &p->names, config->max_ops);
  redis_listing_init(&p->listing, env, up, &p->names, config->max_ops);
  redis_watch_init(&p->watch, env, up, topics, p->names.channel, config->max_ops);
  redis_reaper_init(&p->reaper, env, &p->names, &p->scripts);
  return p;
}

void redis_presence_free(struct redis_presence *p)
{
  if (p == NULL)
    return;
  redis_call_fini(&p->call);
  redis_listing_fini(&p->listing);
  redis_reaper_fini(&p->reaper);
  redis_buf_fini(&p->text);
  redis_watch_fini(&p->watch);
  free(p);
}

/* The first time that the server asks for something. */
static void begin_use(struct redis_presence *p)
{
  if (p->in_use || p->leaves)
    return;
  p->in_use = true;
  p->due = true;
  redis_lease_rename(&p->lease, next_random(p), false);
}

void redis_presence_connect(struct redis_presence *p)
{
  if (p == NULL || p->leaves)
    return;
  if (p->timer == NULL)
    p->timer = p->env->host->timer_new(p->env->host, on_timer, p);
  if (p->timer == NULL) {
    p->events->broken(p->arg, "out of memory");
    return;
  }
  p->connected = true;
  p->task = NONE;
  redis_lease_connect(&p->lease, now_ms(p));
  if (!p->in_use) {
    tell_lost(p);
    advance(p);
    return;
  }
  redis_count(p->env, REDIS_M_PRESENCE_REJOINS, 1);
  begin_again(p, false);
  p->due = true;
  advance(p);
}

void redis_presence_disconnect(struct redis_presence *p, plug_status status, const char *why)
{
  if (p == NULL)
    return;
  p->connected = p->held = false;
  p->task = NONE;
  p->refused[0] = '\0';
  if (p->timer != NULL)
    p->env->host->timer_stop(p->timer);
  redis_reaper_clear(&p->reaper);
  fail_all(p, status, why);
  redis_watch_reset(&p->watch, status, why);
}

void redis_presence_stop(struct redis_presence *p)
{
  if (p == NULL)
    return;
  redis_presence_disconnect(p, PLUG_ECANCELED, "the server stops");
  if (p->timer != NULL)
    p->env->host->timer_free(p->timer);
  p->timer = NULL;
}

bool redis_presence_drain(struct redis_presence *p)
{
  if (p == NULL || !p->connected)
    return true;
  if (!redis_listing_idle(&p->listing) || (p->held && !redis_members_idle(&p->members)))
    return false;
  if (!p->leaves) {
    p->leaves = true;
    p->gone = !p->held;
    p->condemns = p->held;
    redis_members_fail(&p->members, PLUG_ECANCELED, "the server stops");
    advance(p);
  }
  return p->gone && p->task == NONE && p->reaper.n_dead == 0;
}

/* The server shall ask: not before it has been told that all is lost, lest it be told afterwards.
 */
static bool takes_operations(const struct redis_presence *p)
{
  return p->connected && !p->leaves && (!p->tells_lost || p->told);
}

void redis_presence_listens(struct redis_presence *p, plug_status status, const char *why)
{
  if (p != NULL)
    redis_watch_answered(&p->watch, status, why);
}

plug_status redis_presence_watch(struct redis_presence *p, struct plug_str topic,
                                 struct plug_op *op)
{
  bool broken;
  if (!takes_operations(p))
    return PLUG_EUNAVAIL;
  begin_use(p);
  plug_status status = redis_watch_add(&p->watch, topic, op, &broken);
  if (broken)
    p->events->broken(p->arg, "out of memory");
  advance(p);
  return status;
}

void redis_presence_unwatch(struct redis_presence *p, struct plug_str topic)
{
  bool broken = false;
  if (p->connected)
    redis_watch_remove(&p->watch, topic, &broken);
  if (broken)
    p->events->broken(p->arg, "out of memory");
}

plug_status redis_presence_list(struct redis_presence *p, struct plug_str topic, struct plug_op *op)
{
  if (!takes_operations(p))
    return PLUG_EUNAVAIL;
  begin_use(p);
  plug_status status = redis_listing_add(&p->listing, topic, op);
  advance(p);
  return status;
}

plug_status redis_presence_join(struct redis_presence *p, bool join, const struct plug_member *v,
                                size_t n, struct plug_op *op)
{
  if (!takes_operations(p))
    return PLUG_EUNAVAIL;
  begin_use(p);
  if (!p->held && p->refused[0] != '\0') {
    p->env->host->op_done(op, p->refused_status, redis_str(p->refused));
    return PLUG_PENDING;
  }
  plug_status status = redis_members_add(&p->members, join, v, n, op);
  advance(p);
  return status;
}

void redis_presence_restored(struct redis_presence *p)
{
  if (!p->held || p->tells_lost)
    return; /* lost is told again soon */
  p->condemns = p->lease.n_old > 0;
  advance(p);
}

bool redis_presence_hear(struct redis_presence *p, struct plug_str channel, struct plug_str message)
{
  return p != NULL && redis_watch_hear(&p->watch, channel, message);
}
