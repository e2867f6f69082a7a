#include "redis_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "backoff.h"

enum {
  STABLE_MS = 1000, /* up for so long, a loss is a new one */
  /* The longest delay while nobody listens: it costs nobody anything, and a Redis that is started
   * again has all its nodes back within this time. */
  REFUSED_MAX_MS = 500,
};

/* When the next attempt is due. */
enum due { LATER, SOON, NOW };

enum state { STOPPED, WAITING, LOADING, ASKING, DIALLING, CONNECTED, UP };

struct redis_link {
  const struct redis_env *env;
  struct redis_tasks *tasks;
  struct redis_link_config config;
  const struct redis_link_events *events;
  void *arg;
  enum state state;
  struct redis_sentinel *sentinel;
  struct redis_conn *commands, *subscriptions;
  struct plug_timer *timer; /* WAITING: the next attempt; later: the time limit of this one */
  unsigned n_ready, n_failures;
  bool knows_master; /* Sentinel has just told it, there is no need to ask */
  uint64_t up_since_ms;
  struct backoff backoff;
};

static uint64_t delay_ms(struct redis_link *link, enum due due)
{
  uint64_t min = link->config.reconnect_min_ms, max = link->config.reconnect_max_ms;
  if (due == NOW)
    return 0;
  if (due == SOON && max > REFUSED_MAX_MS)
    max = min > REFUSED_MAX_MS ? min : REFUSED_MAX_MS;
  return backoff_next_ms(&link->backoff, link->n_failures, min, max);
}

/* subscriptions is lost itself, or spoilt. */
static void close_subscriptions(struct redis_link *link)
{
  struct redis_conn *subscriptions = link->subscriptions;
  link->subscriptions = NULL;
  redis_conn_close(subscriptions);
}

static void hang_up(struct redis_link *link)
{
  struct redis_conn *commands = link->commands, *subscriptions = link->subscriptions;
  link->commands = link->subscriptions = NULL;
  redis_conn_close(commands);
  redis_conn_close(subscriptions);
}

/* The one way back: every loss and every failed attempt ends here. */
static void lose(struct redis_link *link, const char *why, enum due due)
{
  uint64_t now = link->env->host->now_ms(link->env->host);
  struct redis_conn *left = link->subscriptions;
  if (link->state == UP && link->config.leaves_subscriptions && left != NULL &&
      redis_conn_is_ready(left)) {
    link->subscriptions = NULL;
    link->events->left(link->arg, left);
  }
  hang_up(link);
  /* A Redis that accepts us only to throw us out again is not hammered. */
  if (link->state == UP && now - link->up_since_ms >= STABLE_MS)
    link->n_failures = 0;
  link->n_failures++;
  link->state = WAITING;
  link->knows_master = due == NOW;
  link->env->host->timer_set(link->timer, delay_ms(link, due));
  link->events->lost(link->arg, why);
}

void redis_link_fail(struct redis_link *link, const char *why, bool spoilt)
{
  if (link->state < DIALLING)
    return;
  if (spoilt)
    close_subscriptions(link);
  lose(link, why, LATER);
}

static void on_conn_ready(void *arg)
{
  struct redis_link *link = arg;
  if (++link->n_ready < 2)
    return;
  link->state = CONNECTED;
  link->events->connected(link->arg);
}

static void lose_conn(struct redis_link *link, const struct redis_loss *loss)
{
  lose(link, loss->why, loss->status == PLUG_ESTATE ? SOON : LATER);
}

static void on_conn_lost(void *arg, const struct redis_loss *loss)
{
  lose_conn(arg, loss);
}

static void on_command_reply(void *arg, const redisReply *reply)
{
  struct redis_link *link = arg;
  link->events->reply(link->arg, reply);
}

static void on_subscription_reply(void *arg, const redisReply *reply)
{
  struct redis_link *link = arg;
  link->events->received(link->arg, reply);
}

static const struct redis_conn_events command_events = {on_conn_ready, on_command_reply,
                                                        on_conn_lost};
static const struct redis_conn_events subscription_events = {on_conn_ready, on_subscription_reply,
                                                             on_conn_lost};

static void dial(struct redis_link *link)
{
  struct redis_loss loss;
  link->state = DIALLING;
  link->n_ready = 0;
  link->knows_master = false;
  link->env->host->timer_set(link->timer, link->config.connect_timeout_ms);
  link->commands = redis_conn_open(link->env, link->tasks, &link->config.addr, &link->config.login,
                                   &command_events, link, &loss);
  if (link->commands != NULL)
    link->subscriptions = redis_conn_open(link->env, link->tasks, &link->config.addr,
                                          &link->config.login, &subscription_events, link, &loss);
  if (link->subscriptions == NULL)
    lose_conn(link, &loss);
}

static void on_master(void *arg, const struct redis_addr *addr)
{
  struct redis_link *link = arg;
  link->config.addr = *addr;
  if (link->state == ASKING)
    dial(link);
}

static void on_no_master(void *arg, const struct redis_loss *loss)
{
  struct redis_link *link = arg;
  if (link->state == ASKING)
    lose_conn(link, loss);
}

static void on_moved(void *arg, const struct redis_addr *addr)
{
  struct redis_link *link = arg;
  char text[REDIS_ADDR_TEXT], why[REDIS_WHY_MAX];
  if (link->state == STOPPED || redis_addr_eq(addr, &link->config.addr))
    return;
  snprintf(why, sizeof why, "Sentinel has moved the master to %.180s", redis_addr_text(addr, text));
  lose(link, why, NOW); /* what is lost is where we were until now */
  link->config.addr = *addr;
}

static const struct redis_sentinel_events sentinel_events = {on_master, on_no_master, on_moved};

static void attempt(struct redis_link *link)
{
  if (link->sentinel == NULL || link->knows_master) {
    dial(link);
    return;
  }
  link->state = ASKING;
  redis_sentinel_ask(link->sentinel);
}

static void on_renewed(void *arg)
{
  struct redis_link *link = arg;
  if (link->state == LOADING)
    attempt(link);
}

/* With new certificates, if there are any; but not held up for ever by a slow disk. */
static void prepare(struct redis_link *link)
{
  struct redis_trust *trust = link->config.trust;
  if (trust == NULL || !redis_trust_renew(trust, link->tasks, on_renewed, link)) {
    attempt(link);
    return;
  }
  link->state = LOADING;
  link->env->host->timer_set(link->timer, link->config.connect_timeout_ms);
}

/* What one of them has not come beyond. */
static const char *late(const struct redis_link *link)
{
  bool first = !redis_conn_is_ready(link->commands);
  return redis_conn_late(first ? link->commands : link->subscriptions);
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct redis_link *link = arg;
  if (link->state == WAITING)
    prepare(link);
  else if (link->state == LOADING)
    attempt(link);
  else if (link->state == DIALLING)
    lose(link, late(link), LATER);
  else if (link->state == CONNECTED)
    lose(link, "it has accepted the connections but delivers nothing", LATER);
}

struct redis_link *redis_link_new(const struct redis_env *env, struct redis_tasks *tasks,
                                  const struct redis_link_config *config,
                                  const struct redis_link_events *events, void *arg)
{
  struct redis_link *link = calloc(1, sizeof *link);
  if (link == NULL)
    return NULL;
  link->env = env;
  link->tasks = tasks;
  link->config = *config;
  link->events = events;
  link->arg = arg;
  backoff_init(&link->backoff);
  link->timer = env->host->timer_new(env->host, on_timer, link);
  if (link->timer == NULL)
    goto no_memory;
  if (config->sentinel.n_addrs > 0) {
    link->sentinel = redis_sentinel_new(env, tasks, &config->sentinel, &sentinel_events, link);
    if (link->sentinel == NULL)
      goto no_memory;
  }
  return link;
no_memory:
  redis_link_free(link);
  return NULL;
}

void redis_link_start(struct redis_link *link)
{
  link->state = WAITING;
  link->env->host->timer_set(link->timer, 0);
}

void redis_link_stop(struct redis_link *link)
{
  if (link == NULL)
    return;
  link->state = STOPPED;
  hang_up(link);
  link->env->host->timer_stop(link->timer);
}

void redis_link_free(struct redis_link *link)
{
  if (link == NULL)
    return;
  hang_up(link);
  if (link->config.trust != NULL)
    redis_trust_forget(link->config.trust);
  redis_sentinel_free(link->sentinel);
  if (link->timer != NULL)
    link->env->host->timer_free(link->timer);
  free(link);
}

void redis_link_set_proven(struct redis_link *link)
{
  link->env->host->timer_stop(link->timer);
}

void redis_link_set_up(struct redis_link *link)
{
  link->state = UP;
  link->up_since_ms = link->env->host->now_ms(link->env->host);
  link->env->host->timer_stop(link->timer);
}

struct redis_conn *redis_link_commands(const struct redis_link *link)
{
  return link->state >= CONNECTED ? link->commands : NULL;
}

struct redis_conn *redis_link_subscriptions(const struct redis_link *link)
{
  return link->state >= CONNECTED ? link->subscriptions : NULL;
}

const struct redis_addr *redis_link_addr(const struct redis_link *link)
{
  return &link->config.addr;
}

void redis_link_explain(const struct redis_link *link, const char *why, char *out, size_t size)
{
  char addr[REDIS_ADDR_TEXT];
  if (link == NULL || link->sentinel != NULL ||
      (size_t)snprintf(out, size, "%s: %s", redis_addr_text(&link->config.addr, addr), why) >= size)
    snprintf(out, size, "%.*s", (int)size - 1, why);
}

void redis_link_place(const struct redis_link *link, char out[REDIS_PLACE_MAX])
{
  char addr[REDIS_ADDR_TEXT];
  const char *tls = redis_conn_tls(link->commands);
  bool unverified = tls != NULL && redis_trust_is_insecure(link->config.trust);
  snprintf(out, REDIS_PLACE_MAX, "%s%s%s%s", redis_addr_text(&link->config.addr, addr),
           tls != NULL ? " over " : "", tls != NULL ? tls : "",
           unverified ? " with a certificate that nobody has verified" : "");
}
