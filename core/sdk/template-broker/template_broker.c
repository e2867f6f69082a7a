/* SPDX-License-Identifier: MIT
 *
 * A small but complete broker to start from: it hands every message straight back to its own node,
 * refuses payloads over a configured size, counts, and writes a line to the log now and then. It is
 * written in what C11, C17, C++17 (of GCC and Clang) and C++20 have in common. */
#include <plugboard/ext/metrics.h>
#include <plugboard/plugin.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct template_broker {
  const struct plug_host *host;
  const struct plug_metrics *metrics; /* NULL on a server without this extension */
  struct plug_metric *published;
  struct plug_timer *report_timer;
  uint64_t since_ms, report_every_ms, max_payload;
};

static void say(const struct plug_host *host, int32_t level, const char *format, ...)
{
  char line[256];
  if (!host->log_on(host, level))
    return;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
  struct plug_str text = {line, len};
  host->log(host, level, text);
}

/* Checks the configuration and allocates. No network, no threads, no timers yet. */
static plug_status template_create(const struct plug_host *host, void **self,
                                   struct plug_err *err) PLUG_NOEXCEPT
{
  struct template_broker *broker = (struct template_broker *)calloc(1, sizeof *broker);
  if (!broker) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  broker->host = host;

  int64_t every_ms = 0, max_payload = 0;
  host->cfg_i64(host, "report-every", &every_ms);
  host->cfg_i64(host, "max-payload", &max_payload);
  if (every_ms > 0 && every_ms < 1000) {
    err->code = PLUG_EINVAL;
    snprintf(err->text, sizeof err->text, "report-every: less than 1s floods the log; 0 is never");
    free(broker);
    return PLUG_EINVAL;
  }
  broker->report_every_ms = (uint64_t)every_ms;
  broker->max_payload = (uint64_t)max_payload;

  broker->metrics = (const struct plug_metrics *)host->extension(host, PLUG_EXT_METRICS);
  if (broker->metrics)
    broker->published = broker->metrics->counter(host, "published", "messages published");
  *self = broker;
  return PLUG_OK;
}

static void report(void *arg) PLUG_NOEXCEPT
{
  struct template_broker *broker = (struct template_broker *)arg;
  uint64_t up_ms = broker->host->now_ms(broker->host) - broker->since_ms;
  say(broker->host, PLUG_LOG_INFO, "up for %llu s", (unsigned long long)(up_ms / 1000));
  broker->host->timer_set(broker->report_timer, broker->report_every_ms);
}

/* A broker with a backend connects here, returns PLUG_PENDING and calls op_done when it is there.
 */
static plug_status template_start(void *self, struct plug_op *op) PLUG_NOEXCEPT
{
  struct template_broker *broker = (struct template_broker *)self;
  const struct plug_host *host = broker->host;
  (void)op;
  broker->since_ms = host->now_ms(host);
  if (!broker->report_every_ms)
    return PLUG_OK;
  broker->report_timer = host->timer_new(host, report, broker);
  if (!broker->report_timer)
    return PLUG_ENOMEM;
  host->timer_set(broker->report_timer, broker->report_every_ms);
  return PLUG_OK;
}

/* Gives back whatever start took. It is called after a failed start, too. */
static plug_status template_stop(void *self, struct plug_op *op) PLUG_NOEXCEPT
{
  struct template_broker *broker = (struct template_broker *)self;
  (void)op;
  if (broker->report_timer)
    broker->host->timer_free(broker->report_timer);
  broker->report_timer = NULL;
  return PLUG_OK;
}

static void template_destroy(void *self) PLUG_NOEXCEPT
{
  free(self);
}

/* A broker with a backend subscribes there. This one leaves the look-up to deliver(). */
static plug_status template_interest(void *self, const struct plug_interest *v, size_t n,
                                     struct plug_op *op) PLUG_NOEXCEPT
{
  (void)self;
  (void)v;
  (void)n;
  (void)op;
  return PLUG_OK;
}

/* May run on several threads at once, because of PLUG_CAP_PUBLISH_ANY. op may be NULL; a result
 * that is returned at once never touches it. */
static plug_status template_publish(void *self, const struct plug_msg *msg,
                                    struct plug_op *op) PLUG_NOEXCEPT
{
  const struct template_broker *broker = (const struct template_broker *)self;
  (void)op;
  if (broker->max_payload && msg->payload.len > broker->max_payload)
    return PLUG_ETOOBIG;
  if (broker->published)
    broker->metrics->add(broker->published, 1);
  plug_status status = broker->host->broker->deliver(broker->host, 0, msg);
  /* Dropped for those who are behind: to the sender it is published all the same. */
  return status == PLUG_EUNAVAIL || status == PLUG_ENOMEM ? PLUG_EAGAIN : status;
}

static void template_health(void *self, struct plug_health *out) PLUG_NOEXCEPT
{
  const struct template_broker *broker = (const struct template_broker *)self;
  out->state = PLUG_STATE_UP;
  out->since_ms = broker->since_ms;
}

static const struct plug_broker template_table = {
    .size = sizeof template_table,
    .caps =
        PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_NO_GAPS | PLUG_CAP_ACK | PLUG_CAP_PUBLISH_ANY,
    .subscribe = template_interest,
    .unsubscribe = template_interest,
    .publish = template_publish,
    .health = template_health,
};

/* What an operator may write in [broker.template]; the server checks it against this table, and
 * --plugin-info prints it. Name, type, flags (PLUG_OPT_REQUIRED), default, range, help. */
static const struct plug_option template_options[] = {
    {"max-payload", PLUG_OPT_BYTES, 0, "0", NULL, "Largest payload that is accepted; 0: any."},
    {"report-every", PLUG_OPT_DURATION, 0, "0", "0..24h", "How often to log a line; 0: never."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.broker.template",
    .version = "0.1.0",
    .summary = "a broker to start from",
    .options = template_options,
    .n_options = sizeof template_options / sizeof template_options[0],
    .broker = &template_table,
    .create = template_create,
    .start = template_start,
    .stop = template_stop,
    .destroy = template_destroy,
};
