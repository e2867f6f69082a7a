/* broker-redis: messages between nodes through Redis publish/subscribe. This file is the plugin's
 * entry and joins its parts:
 *
 *   host ──► redis_publish ──► redis_link ──► Redis ──► redis_link ──► redis_topics ──► host
 *             (PUBLISH)         two connections          (SUBSCRIBE, messages)
 *
 * redis_presence uses both connections for who is in which room, if the server asks for that.
 * redis_handover keeps a connection for subscriptions beyond the loss of the link, until the next
 * one has caught up. redis_probe decides when a connected Redis counts as up, and when no longer.
 * Everything here runs on the home thread. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <plugboard/ext/foreign.h>
#include <plugboard/ext/proof.h>

#include "redis_config.h"
#include "redis_handover.h"
#include "redis_inbox.h"
#include "redis_link.h"
#include "redis_namesake.h"
#include "redis_presence_table.h"
#include "redis_probe.h"
#include "redis_publish.h"
#include "redis_reasons.h"

enum {
  /* Redis throws out subscribers that have 32 MB pending: leave room for more than one. */
  MAX_PAYLOAD = 16 << 20,
  /* As a JSON string a payload may be six times as long. */
  MAX_JSON = MAX_PAYLOAD + (1 << 20),
  START_MS = 4000, /* the server gives a start 10 s and serves without Redis too */
};

struct redis_broker {
  struct redis_env env;
  struct redis_config config;
  struct redis_tasks tasks;
  struct redis_link *link;
  struct redis_topics *topics;
  struct redis_publisher *pub;
  struct redis_probe probe;
  struct redis_handover handover; /* layout single */
  int32_t state;
  bool was_up;
  uint64_t since_ms;
  _Atomic uint64_t proven_ms; /* when the last probe came back; 0: none has */
  struct redis_namesake namesake;
  uint32_t rtt_us;
  char why[REDIS_WHY_MAX];      /* of the state DOWN */
  struct redis_reasons reasons; /* of the last loss */
  struct plug_timer *start_timer;
  struct plug_op *start_op, *drain_op, *stop_op;
  bool drain_probes;               /* the last probe is under way */
  struct redis_inbox inbox;        /* layout single */
  struct redis_presence *presence; /* NULL: the host has none */
};

static void done(struct redis_broker *self, struct plug_op **op, plug_status status)
{
  struct plug_op *taken = *op;
  *op = NULL;
  if (taken != NULL)
    self->env.host->op_done(taken, status, (struct plug_str){NULL, 0});
}

/* Redis has answered everything. What it took from here comes back on the other connection, before
 * a probe that is published now. */
static void drained(struct redis_broker *self)
{
  if (self->drain_op == NULL || !redis_publisher_idle(self->pub) ||
      !redis_topics_idle(self->topics) || !redis_presence_drain(self->presence))
    return;
  if (self->state != PLUG_STATE_UP) {
    done(self, &self->drain_op, PLUG_OK);
  } else if (!self->drain_probes) {
    self->drain_probes = true;
    redis_probe_start(&self->probe);
  }
}

static void set_state(struct redis_broker *self, int32_t state)
{
  self->state = state;
  self->since_ms = self->env.host->now_ms(self->env.host);
  redis_gauge(&self->env, REDIS_M_CONNECTED, state == PLUG_STATE_UP);
}

/* The one log line of a change of state. */
static void tell_state(struct redis_broker *self, uint32_t flags, const char *why)
{
  const struct plug_host *host = self->env.host;
  redis_log(&self->env, self->state == PLUG_STATE_UP ? PLUG_LOG_INFO : PLUG_LOG_WARN, "%s", why);
  host->broker->state(host, self->state, flags, redis_str(why));
}

static void on_connected(void *arg)
{
  struct redis_broker *self = arg;
  struct plug_str own[2] = {redis_str(self->config.probe_channel)};
  size_t n = 1;
  if (self->config.channel != NULL)
    own[n++] = redis_str(self->config.channel);
  redis_publisher_connect(self->pub, redis_link_commands(self->link));
  if (!redis_topics_connect(self->topics, redis_link_subscriptions(self->link), own, n))
    redis_link_fail(self->link, "out of memory", false);
}

static void on_own_ready(void *arg)
{
  struct redis_broker *self = arg;
  redis_probe_start(&self->probe);
}

/* The role is asked for first: a server that has lost it shall not pass for one that delivers. */
static void on_probe_send(void *arg, struct plug_str payload)
{
  struct redis_broker *self = arg;
  const struct plug_str role[] = {redis_str("ROLE")};
  const struct plug_str probe[] = {redis_str("PUBLISH"), redis_str(self->config.probe_channel),
                                   payload};
  bool asks = redis_role_asks(redis_conn_role(redis_link_commands(self->link)));
  if ((asks && !redis_publisher_own(self->pub, REDIS_OWN_ROLE, role, 1)) ||
      !redis_publisher_own(self->pub, REDIS_OWN_PROBE, probe, 3))
    redis_link_fail(self->link, "out of memory", false);
}

static void judge_role(struct redis_broker *self, enum redis_verdict verdict)
{
  const struct plug_str info[] = {redis_str("INFO"), redis_str("cluster")};
  if (verdict == REDIS_ROLE_WRONG) {
    char why[REDIS_WHY_MAX]; /* the original goes with the connection */
    memcpy(why, redis_conn_role(redis_link_commands(self->link))->why, sizeof why);
    redis_count(&self->env, REDIS_M_DEMOTIONS, 1);
    redis_link_fail(self->link, why, false);
  } else if (verdict == REDIS_ROLE_ASK_INFO &&
             !redis_publisher_own(self->pub, REDIS_OWN_INFO, info, 2)) {
    redis_link_fail(self->link, "out of memory", false);
  }
}

static void on_own_answered(void *arg, enum redis_own kind, const redisReply *reply)
{
  struct redis_broker *self = arg;
  struct redis_role_watch *role = redis_conn_role(redis_link_commands(self->link));
  if (kind == REDIS_OWN_PROBE)
    redis_probe_answered(&self->probe);
  else if (kind == REDIS_OWN_PRESENCE)
    redis_presence_reply(self->presence, reply);
  else
    judge_role(self, kind == REDIS_OWN_ROLE ? redis_role_answer(role, reply)
                                            : redis_role_info(role, reply));
}

static void on_probe_progress(void *arg, struct redis_progress *out)
{
  struct redis_broker *self = arg;
  struct redis_conn *conn = redis_link_commands(self->link);
  *out = (struct redis_progress){0};
  if (conn != NULL)
    redis_conn_poll(conn);
  conn = redis_link_subscriptions(self->link);
  if (conn != NULL)
    redis_conn_poll(conn);
  conn = redis_link_subscriptions(self->link);
  if (conn == NULL)
    return;
  out->subscriptions = redis_conn_received(conn);
  out->commands = redis_conn_received(redis_link_commands(self->link));
}

static void become_up(struct redis_broker *self, bool gapless)
{
  char place[REDIS_PLACE_MAX], why[REDIS_WHY_MAX + 160];
  uint64_t gap = self->env.host->now_ms(self->env.host) - self->since_ms;
  redis_link_place(self->link, place);
  if (self->was_up) {
    snprintf(why, sizeof why, "connected to Redis at %s again after %" PRIu64 ".%03" PRIu64 " s%s",
             place, gap / 1000, gap % 1000,
             gapless ? "; what others published meanwhile has arrived" : "");
    redis_count(&self->env, REDIS_M_RECONNECTS, 1);
  } else {
    snprintf(why, sizeof why, "connected to Redis at %s", place);
  }
  self->was_up = true;
  redis_link_set_up(self->link);
  set_state(self, PLUG_STATE_UP);
  self->why[0] = '\0';
  tell_state(self, PLUG_INTERESTS_LOST, why);
  done(self, &self->start_op, PLUG_OK);
  if (self->state == PLUG_STATE_UP)
    redis_presence_connect(self->presence);
}

/* The probe has come back on the new connection. */
static void reach(struct redis_broker *self)
{
  char mark[REDIS_PROBE_MAX];
  bool gapless;
  if (redis_handover_reach(&self->handover, redis_link_subscriptions(self->link),
                           redis_probe_payload(&self->probe, mark), &gapless))
    become_up(self, gapless);
  else
    redis_probe_stop(&self->probe); /* none would be heard until over */
}

static void on_handover_over(void *arg, bool gapless)
{
  struct redis_broker *self = arg;
  become_up(self, gapless);
  if (self->state == PLUG_STATE_UP)
    redis_probe_start(&self->probe);
}

static void on_probe_heard(void *arg, uint32_t rtt_us)
{
  struct redis_broker *self = arg;
  self->rtt_us = rtt_us;
  atomic_store(&self->proven_ms, self->env.host->now_ms(self->env.host));
  if (self->drain_probes)
    done(self, &self->drain_op, PLUG_OK);
  if (self->state == PLUG_STATE_UP)
    return;
  redis_link_set_proven(self->link);
  reach(self);
}

static void on_namesake(void *arg)
{
  struct redis_broker *self = arg;
  redis_namesake_hear(&self->namesake, &self->env);
}

static void on_broken(void *arg, const char *why)
{
  struct redis_broker *self = arg;
  redis_link_fail(self->link, why, false);
}

/* What came for us makes no sense: there is nothing more to be had there. */
static void on_spoilt(void *arg, const char *why)
{
  struct redis_broker *self = arg;
  redis_link_fail(self->link, why, true);
}

/* That the connection was lost says little; why none can be made is what helps, and comes with the
 * next attempt. */
static void on_lost(void *arg, const char *why)
{
  struct redis_broker *self = arg;
  char addr[REDIS_ADDR_TEXT], line[REDIS_WHY_MAX + 320], text[REDIS_WHY_MAX];
  uint64_t now = self->env.host->now_ms(self->env.host);
  snprintf(text, sizeof text, "%s", why);
  redis_addr_text(redis_link_addr(self->link), addr);
  redis_probe_stop(&self->probe);
  redis_handover_fall_back(&self->handover);
  bool was_up = self->state == PLUG_STATE_UP, first = self->state != PLUG_STATE_DOWN;
  if (first)
    set_state(self, PLUG_STATE_DOWN);
  redis_presence_disconnect(self->presence, PLUG_EUNAVAIL, "the connection to Redis was lost");
  redis_topics_reset(self->topics, PLUG_EUNAVAIL, "the connection to Redis was lost");
  redis_publisher_reset(self->pub, PLUG_EUNAVAIL,
                        "the connection to Redis was lost before it answered");
  if (first) {
    self->reasons = (struct redis_reasons){0};
    snprintf(line, sizeof line, "%s Redis at %s: %s", was_up ? "lost" : "cannot reach", addr, text);
    redis_reasons_say(&self->reasons, text, now);
    tell_state(self, PLUG_INTERESTS_LOST, line);
  } else if (redis_reasons_pass(&self->reasons, text, now)) {
    redis_log(&self->env, PLUG_LOG_WARN, "still no Redis at %s after %" PRIu64 " s: %s", addr,
              (now - self->since_ms) / 1000, text);
  }
  memcpy(self->why, text, sizeof text);
  /* The server starts without Redis too, and serves as soon as it is there. */
  done(self, &self->start_op, PLUG_OK);
  drained(self);
}

static void on_reply(void *arg, const redisReply *reply)
{
  struct redis_broker *self = arg;
  redis_publisher_reply(self->pub, reply);
  drained(self);
}

static void on_received(void *arg, const redisReply *reply)
{
  struct redis_broker *self = arg;
  redis_topics_received(self->topics, reply);
  drained(self);
}

static void on_own_message(void *arg, struct plug_str channel, struct plug_str payload)
{
  struct redis_broker *self = arg;
  if (redis_str_eq(channel, redis_str(self->config.probe_channel)))
    redis_probe_receive(&self->probe, payload);
  else if (redis_presence_hear(self->presence, channel, payload))
    return;
  else if (self->config.channel != NULL && redis_str_eq(channel, redis_str(self->config.channel)) &&
           !redis_handover_ignores(&self->handover))
    redis_inbox_take(&self->inbox, payload);
}

static void on_left(void *arg, struct redis_conn *subscriptions)
{
  struct redis_broker *self = arg;
  redis_handover_keep(&self->handover, subscriptions);
}

static void on_old_message(void *arg, struct plug_str channel, struct plug_str payload)
{
  struct redis_broker *self = arg;
  if (redis_str_eq(channel, redis_str(self->config.channel)))
    redis_inbox_take(&self->inbox, payload);
}

static bool on_is_awaited(void *arg, struct plug_str channel, struct plug_str payload)
{
  struct redis_broker *self = arg;
  return redis_str_eq(channel, redis_str(self->config.probe_channel)) &&
         redis_probe_is_awaited(&self->probe, payload);
}

static void on_release(void *arg, struct redis_held_list *held)
{
  struct redis_broker *self = arg;
  redis_publisher_release(self->pub, held);
}

static void on_drop(void *arg, struct redis_held_list *held, plug_status status, const char *why)
{
  struct redis_broker *self = arg;
  redis_publisher_drop(self->pub, held, status, why);
}

static void on_presence_progress(void *arg)
{
  drained(arg);
}

static void on_listens(void *arg, plug_status status, const char *why)
{
  struct redis_broker *self = arg;
  redis_presence_listens(self->presence, status, why);
}

/* A server that waits long for a silent Redis is a server that does not start. */
static void on_start_timer(void *arg) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  if (self->state != PLUG_STATE_STARTING)
    return;
  snprintf(self->why, sizeof self->why, "no answer yet");
  redis_reasons_say(&self->reasons, self->why, self->env.host->now_ms(self->env.host));
  set_state(self, PLUG_STATE_DOWN);
  tell_state(self, PLUG_INTERESTS_LOST, "Redis has not answered yet: starting without it");
  done(self, &self->start_op, PLUG_OK);
}

static const struct redis_link_events link_events = {on_connected, on_reply, on_received, on_lost,
                                                     on_left};
static const struct redis_handover_events handover_events = {on_old_message, on_is_awaited,
                                                             on_handover_over};
static const struct redis_topics_events topics_events = {on_own_ready, on_own_message, on_release,
                                                         on_drop,      on_spoilt,      on_listens};
static const struct redis_publish_events publish_events = {on_own_answered, on_broken};
static const struct redis_probe_events probe_events = {on_probe_send, on_probe_heard, on_broken,
                                                       on_namesake, on_probe_progress};

static const struct redis_presence_events presence_events = {on_broken, on_presence_progress};

static void on_tasks_idle(void *arg)
{
  struct redis_broker *self = arg;
  done(self, &self->stop_op, PLUG_OK);
}

static void destroy(void *arg) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  redis_presence_free(self->presence);
  redis_publisher_free(self->pub);
  redis_topics_free(self->topics);
  redis_config_fini(&self->config);
  redis_inbox_fini(&self->inbox);
  free(self);
}

static plug_status create(const struct plug_host *host, void **out,
                          struct plug_err *err) PLUG_NOEXCEPT
{
  struct redis_broker *self = calloc(1, sizeof *self);
  if (self == NULL)
    goto no_memory;
  redis_env_init(&self->env, host);
  self->tasks = (struct redis_tasks){.env = &self->env, .idle = on_tasks_idle, .arg = self};
  self->state = PLUG_STATE_STARTING;
  self->since_ms = host->now_ms(host);
  plug_status status = redis_config_read(&self->config, &self->env, err);
  if (status != PLUG_OK) {
    destroy(self);
    return status;
  }
  struct plug_str prefix = redis_str(self->config.prefix);
  struct redis_publish_config publish = {
      .prefix = prefix,
      .channel = redis_str(self->config.channel != NULL ? self->config.channel : ""),
      .max_commands = self->config.publish_queue,
      .max_bytes = self->config.publish_queue_bytes,
      .max_json = MAX_JSON};
  self->topics = redis_topics_new(&self->env, prefix, &topics_events, self);
  if (self->topics == NULL)
    goto no_memory;
  self->pub = redis_publisher_new(&self->env, &publish, self->topics, &publish_events, self);
  if (self->pub == NULL)
    goto no_memory;
  const struct redis_presence_config presence = {.prefix = prefix,
                                                 .ttl_ms = self->config.presence_ttl_ms,
                                                 .renew_ms = self->config.presence_renew_ms,
                                                 .max_ops = self->config.publish_queue};
  bool none;
  self->presence = redis_presence_new(&self->env, &presence, self->pub, self->topics,
                                      &presence_events, self, &none);
  if (self->presence == NULL && !none)
    goto no_memory;
  self->inbox = (struct redis_inbox){.env = &self->env, .channel = self->config.channel};
  *out = self;
  return PLUG_OK;
no_memory:
  if (self != NULL)
    destroy(self);
  err->code = PLUG_ENOMEM;
  snprintf(err->text, sizeof err->text, "out of memory");
  return PLUG_ENOMEM;
}

static plug_status start(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  const struct redis_config *c = &self->config;
  struct redis_link_config link;
  redis_config_link(c, &link);
  self->start_timer = self->env.host->timer_new(self->env.host, on_start_timer, self);
  if (self->start_timer == NULL)
    return PLUG_ENOMEM;
  if (!redis_probe_init(&self->probe, &self->env, c->probe_interval_ms, c->probe_timeout_ms,
                        &probe_events, self))
    return PLUG_ENOMEM;
  if (c->channel != NULL &&
      !redis_handover_init(&self->handover, &self->env, &handover_events, self))
    return PLUG_ENOMEM;
  self->link = redis_link_new(&self->env, &self->tasks, &link, &link_events, self);
  if (self->link == NULL)
    return PLUG_ENOMEM; /* stop follows and frees the rest */
  self->start_op = op;
  self->env.host->timer_set(self->start_timer, START_MS);
  redis_link_start(self->link);
  return PLUG_PENDING;
}

static plug_status drain(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  self->drain_op = op;
  drained(self);
  return PLUG_PENDING;
}

static plug_status stop(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  redis_link_stop(self->link);
  redis_probe_stop(&self->probe);
  redis_presence_stop(self->presence);
  redis_topics_reset(self->topics, PLUG_ECANCELED, "the server stops");
  redis_publisher_reset(self->pub, PLUG_ECANCELED, "the server stops");
  redis_link_free(self->link);
  self->link = NULL;
  redis_probe_fini(&self->probe);
  redis_handover_fini(&self->handover);
  if (self->start_timer != NULL)
    self->env.host->timer_free(self->start_timer);
  self->start_timer = NULL;
  set_state(self, PLUG_STATE_DOWN);
  done(self, &self->start_op, PLUG_ECANCELED);
  done(self, &self->drain_op, PLUG_ECANCELED);
  if (self->tasks.n_running == 0)
    return PLUG_OK;
  self->stop_op = op; /* a thread still looks a name up, or reads a file */
  return PLUG_PENDING;
}

static plug_status subscribe(void *arg, const struct plug_interest *v, size_t n,
                             struct plug_op *op) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  if (self->state != PLUG_STATE_UP)
    return PLUG_EUNAVAIL;
  if (self->config.channel != NULL)
    return PLUG_OK; /* everything comes through the one channel */
  return redis_topics_subscribe(self->topics, v, n, op);
}

static plug_status unsubscribe(void *arg, const struct plug_interest *v, size_t n,
                               struct plug_op *op) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  if (self->state != PLUG_STATE_UP || self->config.channel != NULL)
    return PLUG_OK; /* nothing is subscribed */
  return redis_topics_unsubscribe(self->topics, v, n, op);
}

static plug_status publish(void *arg, const struct plug_msg *msg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  plug_status status = PLUG_OK;
  if (self->state != PLUG_STATE_UP)
    status = PLUG_EUNAVAIL;
  else if (msg->payload.len > MAX_PAYLOAD)
    status = PLUG_ETOOBIG;
  if (status == PLUG_OK)
    return redis_publisher_publish(self->pub, msg, op);
  redis_count(&self->env, REDIS_M_PUBLISH_FAILED, 1);
  return status;
}

static void health(void *arg, struct plug_health *out) PLUG_NOEXCEPT
{
  struct redis_broker *self = arg;
  char addr[REDIS_ADDR_TEXT];
  out->state = self->state;
  out->since_ms = self->since_ms;
  out->rtt_us = self->rtt_us;
  uint64_t now = self->env.host->now_ms(self->env.host);
  if (self->state == PLUG_STATE_UP && redis_namesake_is_near(&self->namesake, now))
    snprintf(out->text, sizeof out->text, "another node is called '%.70s', too",
             self->env.host->node);
  else if (self->state != PLUG_STATE_UP && self->why[0] != '\0')
    redis_link_explain(self->link, self->why, out->text, sizeof out->text);
  else if (self->link != NULL)
    snprintf(out->text, sizeof out->text, "%.107s",
             redis_addr_text(redis_link_addr(self->link), addr));
  else
    snprintf(out->text, sizeof out->text, "not started");
}

struct redis_presence *redis_presence_of(void *self)
{
  return ((struct redis_broker *)self)->presence;
}

static uint64_t proven_ms(void *arg) PLUG_NOEXCEPT
{
  return atomic_load(&((struct redis_broker *)arg)->proven_ms);
}

static const struct plug_broker_foreign foreign = {.size = sizeof foreign, .reserved = 0};
static const struct plug_broker_proof proof = {.size = sizeof proof, .proven_ms = proven_ms};

static const void *extension(void *arg, const char *id) PLUG_NOEXCEPT
{
  const struct redis_broker *self = arg;
  if (strcmp(id, PLUG_EXT_BROKER_PROOF) == 0)
    return &proof;
  if (strcmp(id, PLUG_EXT_BROKER_FOREIGN) == 0)
    return self->config.channel != NULL ? &foreign : NULL;
  return self->presence != NULL && strcmp(id, PLUG_EXT_BROKER_PRESENCE) == 0 ? &redis_presence_table
                                                                             : NULL;
}

static const struct plug_broker broker = {
    .size = sizeof broker,
    .caps =
        PLUG_CAP_CROSS_NODE | PLUG_CAP_ECHO | PLUG_CAP_PATTERN | PLUG_CAP_ORDERED | PLUG_CAP_ACK,
    .max_payload = MAX_PAYLOAD,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .publish = publish,
    .health = health,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.broker.redis",
    .version = "0.1.0",
    .summary = "Messages between nodes through Redis publish/subscribe",
    .options = redis_options,
    .n_options = REDIS_N_OPTIONS,
    .broker = &broker,
    .create = create,
    .start = start,
    .drain = drain,
    .stop = stop,
    .destroy = destroy,
    .extension = extension,
};
