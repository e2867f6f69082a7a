/* broker-nats: messages between nodes through core NATS. This file is the plugin's entry and joins
 * its parts; its thread is home, but messages come in on the library's own.
 *
 *   host ──► nats_link ──► NATS ──► libnats ──► nats_gate ──► host
 *             (queue, writer, flusher)           (per interest: nats_tap) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoff.h"
#include "nats_link.h"
#include "nats_subject.h"

enum {
  MAX_PAYLOAD = 16 << 20, /* what NATS takes is up to its max_payload, which it tells */
  ENVELOPE_MAX = 4096,    /* around a payload, beside topic, type and headers */
  STILL_DOWN_MS = 60000,  /* repeats why */
  OTHER_REASON_MS = 5000, /* says why if that has changed */
  START_MS = 4000,        /* the server gives a start 10 s and serves without NATS too */
  STABLE_MS = 1000,       /* up for so long, a loss is a new one */
};

struct nats_broker {
  struct nats_env env;
  struct nats_config config;
  struct nats_link *link;
  struct plug_timer *timer; /* the next attempt */
  struct plug_timer *start_timer;
  struct plug_op *start_op, *stop_op;
  int32_t state;
  bool was_up, stopping;
  uint64_t since_ms, said_ms;
  unsigned n_failures;
  struct backoff backoff;
  size_t max_payload; /* of the server */
  char addr[NATS_ADDR_MAX];
  char why[NATS_WHY_MAX], said[NATS_WHY_MAX]; /* of the state DOWN; what of it is in the log */
};

static void done(struct nats_broker *self, struct plug_op **op, plug_status status)
{
  struct plug_op *taken = *op;
  *op = NULL;
  if (taken != NULL)
    self->env.host->op_done(taken, status, nats_str(""));
}

/* The one log line of a change of state. */
static void set_state(struct nats_broker *self, int32_t state, const char *why)
{
  const struct plug_host *host = self->env.host;
  bool up = state == PLUG_STATE_UP;
  self->state = state;
  self->since_ms = host->now_ms(host);
  nats_gauge(&self->env, NATS_M_CONNECTED, up);
  host_log(host, up ? PLUG_LOG_INFO : PLUG_LOG_WARN, "%s", why);
  host->broker->state(host, state, PLUG_INTERESTS_LOST, nats_str(why));
}

static void on_up(void *arg, const char *addr, size_t max_payload)
{
  struct nats_broker *self = arg;
  char why[NATS_WHY_MAX + NATS_ADDR_MAX];
  uint64_t gap = self->env.host->now_ms(self->env.host) - self->since_ms;
  if (self->stopping)
    return;
  snprintf(self->addr, sizeof self->addr, "%s", addr);
  self->max_payload = max_payload;
  if (self->was_up) {
    snprintf(why, sizeof why, "connected to NATS at %s again after %" PRIu64 ".%03" PRIu64 " s",
             addr, gap / 1000, gap % 1000);
    nats_count(&self->env, NATS_M_RECONNECTS, 1);
  } else {
    snprintf(why, sizeof why, "connected to NATS at %s", addr);
  }
  self->was_up = true;
  self->why[0] = '\0';
  set_state(self, PLUG_STATE_UP, why);
  done(self, &self->start_op, PLUG_OK);
}

static void on_down(void *arg, const char *addr, const char *why)
{
  struct nats_broker *self = arg;
  char line[NATS_WHY_MAX + NATS_ADDR_MAX + 64];
  uint64_t now = self->env.host->now_ms(self->env.host);
  if (self->stopping)
    return;
  bool was_up = self->state == PLUG_STATE_UP, first = self->state != PLUG_STATE_DOWN;
  bool other = strcmp(self->said, why) != 0;
  if (was_up && now - self->since_ms >= STABLE_MS)
    self->n_failures = 0;
  self->n_failures++;
  snprintf(self->addr, sizeof self->addr, "%s", addr);
  snprintf(self->why, sizeof self->why, "%s", why);
  self->env.host->timer_set(self->timer, backoff_next_ms(&self->backoff, self->n_failures,
                                                         self->config.reconnect_min_ms,
                                                         self->config.reconnect_max_ms));
  if (first || now - self->said_ms >= (other ? OTHER_REASON_MS : STILL_DOWN_MS)) {
    memcpy(self->said, self->why, sizeof self->said);
    self->said_ms = now;
    if (first) {
      snprintf(line, sizeof line, "%s NATS at %s: %s", was_up ? "lost" : "cannot reach", addr, why);
      set_state(self, PLUG_STATE_DOWN, line);
    } else {
      host_log(self->env.host, PLUG_LOG_WARN, "still no NATS at %s after %" PRIu64 " s: %s", addr,
               (now - self->since_ms) / 1000, why);
    }
  }
  /* The server starts without NATS too, and serves as soon as it is there. */
  done(self, &self->start_op, PLUG_OK);
}

static void on_ended(void *arg)
{
  struct nats_broker *self = arg;
  nats_link_join(self->link);
  nats_link_free(self->link);
  self->link = NULL;
  done(self, &self->stop_op, PLUG_OK);
}

static const struct nats_link_events link_events = {on_up, on_down, on_ended};

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  if (!nats_link_connect(self->link))
    self->env.host->timer_set(self->timer, self->config.reconnect_max_ms);
}

/* A server that waits long for a silent NATS is a server that does not start. */
static void on_start_timer(void *arg) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  if (self->state != PLUG_STATE_STARTING)
    return;
  snprintf(self->why, sizeof self->why, "no answer yet");
  set_state(self, PLUG_STATE_DOWN, "NATS has not answered yet: starting without it");
  done(self, &self->start_op, PLUG_OK);
}

static void destroy(void *arg) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  nats_link_free(self->link);
  nats_config_fini(&self->config);
  free(self);
}

static plug_status create(const struct plug_host *host, void **out,
                          struct plug_err *err) PLUG_NOEXCEPT
{
  struct nats_broker *self = calloc(1, sizeof *self);
  plug_status status = PLUG_ENOMEM;
  if (self == NULL)
    goto no_memory;
  nats_env_init(&self->env, host);
  self->state = PLUG_STATE_STARTING;
  self->since_ms = host->now_ms(host);
  backoff_init(&self->backoff);
  status = nats_config_read(&self->config, host, err);
  if (status != PLUG_OK)
    goto bad;
  self->link = nats_link_new(&self->env, &self->config, &link_events, self);
  if (self->link == NULL)
    goto no_memory;
  *out = self;
  return PLUG_OK;
no_memory:
  status = err->code = PLUG_ENOMEM;
  snprintf(err->text, sizeof err->text, "out of memory");
bad:
  if (self != NULL)
    destroy(self);
  return status;
}

static plug_status start(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  const struct plug_host *host = self->env.host;
  self->timer = host->timer_new(host, on_timer, self);
  self->start_timer = host->timer_new(host, on_start_timer, self);
  if (self->timer == NULL || self->start_timer == NULL || !nats_link_start(self->link)) {
    nats_link_free(self->link);
    self->link = NULL;
    return PLUG_ENOMEM; /* stop follows and frees the rest */
  }
  if (!nats_link_connect(self->link))
    host->timer_set(self->timer, self->config.reconnect_min_ms);
  self->start_op = op;
  host->timer_set(self->start_timer, START_MS);
  return PLUG_PENDING;
}

static plug_status drain(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  if (self->state != PLUG_STATE_UP)
    return PLUG_OK; /* nothing is on its way; and an attempt under way may take long */
  return nats_link_settle(self->link, op);
}

static void free_timer(struct nats_broker *self, struct plug_timer **timer)
{
  if (*timer != NULL)
    self->env.host->timer_free(*timer);
  *timer = NULL;
}

static plug_status stop(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  self->stopping = true;
  self->state = PLUG_STATE_DOWN;
  nats_gauge(&self->env, NATS_M_CONNECTED, 0);
  free_timer(self, &self->timer);
  free_timer(self, &self->start_timer);
  done(self, &self->start_op, PLUG_ECANCELED);
  if (self->link == NULL)
    return PLUG_OK;
  self->stop_op = op; /* the threads may be inside of an attempt */
  nats_link_stop(self->link);
  return PLUG_PENDING;
}

static plug_status subscribe(void *arg, const struct plug_interest *v, size_t n,
                             struct plug_op *op) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  if (self->state != PLUG_STATE_UP)
    return PLUG_EUNAVAIL;
  return nats_link_subscribe(self->link, v, n, op);
}

static plug_status unsubscribe(void *arg, const struct plug_interest *v, size_t n,
                               struct plug_op *op) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  if (self->state != PLUG_STATE_UP)
    return PLUG_OK; /* nothing is subscribed */
  return nats_link_unsubscribe(self->link, v, n, op);
}

static plug_status judge(const struct nats_broker *self, const struct plug_msg *msg)
{
  char subject[NATS_SUBJECT_MAX + 1];
  if (self->state != PLUG_STATE_UP)
    return PLUG_EUNAVAIL;
  if (msg->payload.len > MAX_PAYLOAD || msg->payload.len > self->max_payload)
    return PLUG_ETOOBIG;
  /* Only the encoded one is exact, which costs more than most messages need. */
  size_t about = msg->payload.len + msg->topic.len + msg->content_type.len + ENVELOPE_MAX;
  if (about > self->max_payload || msg->n_headers > 0) {
    struct plug_str wire = self->env.host->msg_encode(msg);
    if (wire.len == 0)
      return PLUG_ENOMEM;
    if (wire.len > self->max_payload)
      return PLUG_ETOOBIG;
  }
  if (msg->topic.len > NATS_SUBJECT_MAX / 4 &&
      !nats_subject_put(subject, self->config.prefix, msg->topic))
    return PLUG_ETOOBIG;
  return PLUG_OK;
}

static plug_status publish(void *arg, const struct plug_msg *msg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  plug_status status = judge(self, msg);
  if (status == PLUG_OK)
    status = nats_link_publish(self->link, msg, op);
  if (status != PLUG_PENDING)
    nats_count(&self->env, NATS_M_PUBLISH_FAILED, 1);
  return status;
}

static void health(void *arg, struct plug_health *out) PLUG_NOEXCEPT
{
  struct nats_broker *self = arg;
  out->state = self->state;
  out->since_ms = self->since_ms;
  out->rtt_us = self->link != NULL ? nats_link_rtt_us(self->link) : 0;
  if (self->state != PLUG_STATE_UP && self->why[0] != '\0')
    snprintf(out->text, sizeof out->text, "%.107s", self->why);
  else
    snprintf(out->text, sizeof out->text, "%.107s",
             self->addr[0] != '\0' ? self->addr : "not started");
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
    .id = "plugboard.broker.nats",
    .version = "0.1.0",
    .summary = "Messages between nodes through core NATS",
    .options = nats_options,
    .n_options = NATS_N_OPTIONS,
    .broker = &broker,
    .create = create,
    .start = start,
    .drain = drain,
    .stop = stop,
    .destroy = destroy,
};
