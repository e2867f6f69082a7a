/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, when compiled with -std=c11 */
#endif
#include "mock_internal.h"

#include <plugboard/ext/metrics.h>

#include <stdlib.h>
#include <string.h>

/* ---- Metrics ---- */

static struct plug_metric *new_metric(const struct plug_host *host, const char *name, int is_gauge)
{
  struct plug_mock *mock = mock_of(host);
  if (mock_used(mock, is_gauge ? "gauge" : "counter", 1))
    return NULL;
  for (size_t i = 0; i < mock->n_metrics; i++)
    if (strcmp(mock->metrics[i].name, name) == 0)
      return &mock->metrics[i];
  size_t len = strlen(name);
  if (len == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len ||
      len >= sizeof mock->metrics[0].name || mock->n_metrics == MAX_METRICS) {
    mock_breach(mock, MOCK_USE, "a metric with a name that is none, or too many of them");
    return NULL;
  }
  struct plug_metric *metric = &mock->metrics[mock->n_metrics++];
  metric->mock = mock;
  metric->is_gauge = is_gauge;
  memcpy(metric->name, name, len + 1);
  return metric;
}

static struct plug_metric *metrics_counter(const struct plug_host *host, const char *name,
                                           const char *help) PLUG_NOEXCEPT
{
  (void)help;
  return new_metric(host, name, 0);
}

static struct plug_metric *metrics_gauge(const struct plug_host *host, const char *name,
                                         const char *help) PLUG_NOEXCEPT
{
  (void)help;
  return new_metric(host, name, 1);
}

static void metrics_add(struct plug_metric *metric, int64_t n) PLUG_NOEXCEPT
{
  mock_used(metric->mock, "add", 0);
  pthread_mutex_lock(&metric->mock->lock);
  if (n < 0 && !metric->is_gauge)
    mock_breach_locked(metric->mock, MOCK_USE, "a counter falls");
  metric->value += n;
  pthread_mutex_unlock(&metric->mock->lock);
}

static void metrics_set(struct plug_metric *metric, int64_t value) PLUG_NOEXCEPT
{
  mock_used(metric->mock, "set", 0);
  pthread_mutex_lock(&metric->mock->lock);
  if (!metric->is_gauge)
    mock_breach_locked(metric->mock, MOCK_USE, "a counter is set");
  metric->value = value;
  pthread_mutex_unlock(&metric->mock->lock);
}

static const struct plug_metrics metrics_table = {
    (uint32_t)sizeof metrics_table, 0, metrics_counter, metrics_gauge, metrics_add, metrics_set,
};

static const void *host_extension(const struct plug_host *host, const char *id) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  mock_used(mock, "extension", 0);
  if (strcmp(id, PLUG_EXT_METRICS) == 0)
    return &metrics_table;
  return mock->kit ? mock->kit->extension(host, id) : NULL;
}

/* ---- Upcalls of brokers ---- */

/* The kit takes the memory of a message back with its last reference, which is then not to be one
 * of the record. */
static const struct plug_msg *copy_of(struct plug_mock *mock, const struct plug_msg *msg)
{
  struct plug_msg_init init;
  memset(&init, 0, sizeof init);
  init.size = (uint32_t)sizeof init;
  init.topic = msg->topic;
  init.content_type = msg->content_type;
  init.payload = msg->payload;
  init.headers = msg->headers;
  init.n_headers = msg->n_headers;
  init.pos = msg->pos;
  const struct plug_msg *copy = mock_make_msg(mock, &init, msg->origin, msg->id);
  if (copy)
    mock_msg_of(copy)->kept = 1;
  return copy;
}

static plug_status broker_deliver(const struct plug_host *host, uint64_t interest,
                                  const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  struct mock_msg *m = mock_msg_of(msg);
  int no_memory = mock_used(mock, "deliver", 1);
  const struct plug_msg *kept = mock->kit && !no_memory ? copy_of(mock, msg) : NULL;
  pthread_mutex_lock(&mock->lock);
  plug_status status = no_memory ? PLUG_ENOMEM : mock->deliver_status;
  if (mock->phase == PHASE_STOPPED) {
    mock_breach_locked(mock, MOCK_STOPPED, "deliver after stop");
    status = PLUG_ESTATE;
  } else if (m->refs <= m->kept) {
    mock_breach_locked(mock, MOCK_USE, "deliver without a reference to the message");
  } else if (!no_memory) {
    mock->deliveries = (struct mock_delivery *)mock_must(
        realloc(mock->deliveries, (mock->n_deliveries + 1) * sizeof *mock->deliveries));
    mock->deliveries[mock->n_deliveries].msg = kept ? kept : msg;
    mock->deliveries[mock->n_deliveries++].interest = interest;
    if (!kept) {
      m->refs++;
      m->kept++;
    }
  }
  pthread_mutex_unlock(&mock->lock);
  return status;
}

static void broker_state(const struct plug_host *host, int32_t state, uint32_t flags,
                         struct plug_str why) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_of(host);
  struct mock_state seen = {state, flags};
  mock_check_home(mock, "state");
  pthread_mutex_lock(&mock->lock);
  mock->state = state;
  mock_append_log(mock, state == PLUG_STATE_UP ? "up" : "down", why);
  pthread_mutex_unlock(&mock->lock);
  mock_see(mock, NULL, MOCK_SEEN_STATE, &seen);
}

static const struct plug_broker_up broker_up = {
    (uint32_t)sizeof broker_up,
    0,
    broker_deliver,
    broker_state,
};

/* ---- Upcalls of auth plugins ---- */

static void auth_grant(struct plug_op *op, const struct plug_identity *who) PLUG_NOEXCEPT
{
  mock_used(op->mock, "grant", 0);
  mock_see(op->mock, op, MOCK_SEEN_IDENTITY, who);
  pthread_mutex_lock(&op->mock->lock);
  if (!op->verdict)
    mock_breach_locked(op->mock, MOCK_OP, "grant on an operation that is not of authenticate");
  else if (who->size == 0 || who->user.len == 0 || who->user.len > 255)
    mock_breach_locked(op->mock, MOCK_OP,
                       "grant without size, or with a user of no or over 255 bytes");
  else if (mock_take_completion(op, "grant")) {
    struct plug_mock_verdict *out = op->verdict;
    size_t at = 0;
    op->status = PLUG_ALLOW;
    out->ctx = who->ctx;
    mock_keep_text(out->user, sizeof out->user, who->user);
    for (size_t i = 0; i < who->n_roles && at + 2 < sizeof out->roles; i++) {
      if (i)
        out->roles[at++] = ',';
      mock_keep_text(out->roles + at, sizeof out->roles - at, who->roles[i]);
      at += strlen(out->roles + at);
    }
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static void auth_decide(struct plug_op *op, plug_status verdict,
                        const struct plug_decision *decision) PLUG_NOEXCEPT
{
  mock_used(op->mock, "decide", 0);
  pthread_mutex_lock(&op->mock->lock);
  if (!op->decision)
    mock_breach_locked(op->mock, MOCK_OP, "decide on an operation that is not of authorize");
  else if (mock_take_completion(op, "decide")) {
    op->status = verdict;
    if (decision)
      *op->decision = *decision;
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static void auth_refuse(struct plug_op *op, const struct plug_refusal *refusal) PLUG_NOEXCEPT
{
  mock_used(op->mock, "refuse", 0);
  mock_see(op->mock, op, MOCK_SEEN_REFUSAL, refusal);
  pthread_mutex_lock(&op->mock->lock);
  if (!op->verdict)
    mock_breach_locked(op->mock, MOCK_OP, "refuse on an operation that is not of authenticate");
  else if (mock_take_completion(op, "refuse")) {
    op->status = PLUG_DENY;
    mock_keep_text(op->verdict->code, sizeof op->verdict->code, refusal->code);
    mock_keep_text(op->verdict->reason, sizeof op->verdict->reason, refusal->reason);
    if (refusal->detail.len)
      mock_append_log(op->mock, "detail", refusal->detail);
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static const struct plug_auth_up auth_up = {
    (uint32_t)sizeof auth_up, 0, auth_grant, auth_decide, auth_refuse,
};

/* ---- Upcalls of applications ---- */

static void keep_message(struct plug_mock_message *out, const struct plug_app_message *message)
{
  mock_keep_text(out->destination, sizeof out->destination, message->destination);
  mock_keep_text(out->body, sizeof out->body, message->body);
}

static void app_answer(struct plug_op *op, const struct plug_app_answer *answer) PLUG_NOEXCEPT
{
  mock_used(op->mock, "answer", 0);
  mock_see(op->mock, op, MOCK_SEEN_ANSWER, answer);
  pthread_mutex_lock(&op->mock->lock);
  if (!op->answer)
    mock_breach_locked(op->mock, MOCK_OP, "answer on an operation that is not of request");
  else if (mock_take_completion(op, "answer")) {
    struct plug_mock_answer *out = op->answer;
    op->status = PLUG_OK;
    if (answer->error) {
      mock_keep_text(out->code, sizeof out->code, answer->error->code);
      mock_keep_text(out->reason, sizeof out->reason, answer->error->reason);
    } else {
      out->n_publishes = answer->n_publishes;
      for (size_t i = 0; i < answer->n_publishes && i < 8; i++)
        keep_message(&out->publishes[i], &answer->publishes[i]);
      out->has_reply = answer->reply != NULL;
      if (answer->reply)
        keep_message(&out->reply, answer->reply);
    }
  }
  pthread_mutex_unlock(&op->mock->lock);
}

static plug_status keep_published(struct plug_mock *mock, const struct plug_app_message *message)
{
  plug_status status = PLUG_OK;
  mock_see(mock, NULL, MOCK_SEEN_MESSAGE, message);
  pthread_mutex_lock(&mock->lock);
  if (mock->phase != PHASE_RUNNING)
    status = PLUG_ESTATE;
  else if (message->destination.len == 0 || message->destination.ptr[0] != '/')
    status = PLUG_EINVAL;
  else if (mock->n_published == MAX_PUBLISHED)
    status = PLUG_ENOMEM;
  else if (mock->publish_status != PLUG_OK)
    status = mock->publish_status;
  else
    keep_message(&mock->published[mock->n_published++], message);
  pthread_mutex_unlock(&mock->lock);
  return status;
}

static plug_status app_publish(const struct plug_host *host, const struct plug_app_message *message,
                               plug_app_published_fn done, void *arg) PLUG_NOEXCEPT
{
  if (mock_used(mock_of(host), "publish", 1))
    return PLUG_ENOMEM;
  plug_status status = keep_published(mock_of(host), message);
  if (status == PLUG_OK && done)
    mock_post_call(mock_of(host), NULL, done, arg);
  return status;
}

static plug_status app_publish_local(const struct plug_host *host,
                                     const struct plug_app_message *message, uint64_t session,
                                     struct plug_str subscription) PLUG_NOEXCEPT
{
  (void)session;
  (void)subscription;
  if (mock_used(mock_of(host), "publish_local", 1))
    return PLUG_ENOMEM;
  return keep_published(mock_of(host), message);
}

static plug_status app_check(const struct plug_host *host,
                             const struct plug_app_message *message) PLUG_NOEXCEPT
{
  mock_used(mock_of(host), "check", 0);
  return message->destination.len && message->destination.ptr[0] == '/' ? PLUG_OK : PLUG_EINVAL;
}

static const struct plug_app_up app_up = {
    (uint32_t)sizeof app_up, 0, app_answer, app_publish, app_publish_local, app_check,
};

void mock_fill_upcalls(struct plug_host *host, const struct plug_plugin *plugin)
{
  host->broker = plugin->broker ? &broker_up : NULL;
  host->auth = plugin->auth ? &auth_up : NULL;
  host->app = plugin->app ? &app_up : NULL;
  host->extension = host_extension;
}
