/* What the process of an isolated plugin says of itself: its state and health, its metrics and log
 * lines, and the answers to what it was asked. */
#include "isolate/proxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/utf8.h"

void proxy_copy_text(char *out, size_t size, struct plug_str text)
{
  snprintf(out, size, "%.*s", (int)utf8_cut(text.ptr, text.len, size - 1), text.ptr);
}

void proxy_report_state(struct proxy *proxy, int32_t state, uint32_t flags, struct plug_str why)
{
  const struct plug_host *host = proxy->host;
  bool up = state == PLUG_STATE_UP;
  if (up && proxy->lost_before && proxy->first_up)
    flags |= PLUG_INTERESTS_LOST;
  bool anew = up && proxy->lost_before && proxy->first_up;
  if (up)
    proxy->first_up = false;
  proxy->told_up = up;
  host->broker->state(host, state, flags, why);
  if (anew && proxy->presence_up && (proxy->extensions & SAID_PRESENCE))
    proxy->presence_up->lost(host);
}

static const char *hear_created(struct proxy *proxy, struct said *said)
{
  struct said_metric metric;
  const struct plug_host *host = proxy->host;
  if (proxy->metrics) {
    for (uint32_t i = 0; i < proxy->n_metrics; i++)
      proxy->metrics[i].last = 0;
    return said->n == proxy->n_metrics && said->flags == proxy->extensions
               ? NULL
               : "other metrics or extensions than before";
  }
  proxy->extensions = said->flags;
  proxy->metrics = calloc(said->n + 1, sizeof *proxy->metrics);
  if (!proxy->metrics)
    return "out of memory";
  for (uint32_t i = 0; i < said->n; i++) {
    if (!said_next_metric(&said->items, &metric))
      return "a metric that is cut off";
    char *name = str_dup(metric.name), *help = str_dup(metric.help);
    if (name && help)
      proxy->metrics[i].metric = metric.is_gauge ? proxy->metrics_up->gauge(host, name, help)
                                                 : proxy->metrics_up->counter(host, name, help);
    free(name);
    free(help);
    proxy->metrics[i].is_gauge = metric.is_gauge;
    if (!proxy->metrics[i].metric)
      return "a metric that cannot be made";
    proxy->n_metrics++;
  }
  return wire_is_done(&said->items) ? NULL : "a list of metrics that does not end";
}

static const char *hear_metrics(struct proxy *proxy, struct said *said)
{
  if (said->n != proxy->n_metrics)
    return "other metrics than it has";
  for (uint32_t i = 0; i < said->n; i++) {
    struct proxy_metric *metric = &proxy->metrics[i];
    int64_t value = (int64_t)wire_u64(&said->items);
    if (metric->is_gauge)
      proxy->metrics_up->set(metric->metric, value);
    else if (value > metric->last)
      proxy->metrics_up->add(metric->metric, value - metric->last);
    metric->last = value;
  }
  return NULL;
}

static void hear_health(struct proxy *proxy, const struct said *said)
{
  proxy->health.state = said->state == PLUG_STATE_UP || said->state == PLUG_STATE_STARTING
                            ? said->state
                            : PLUG_STATE_DOWN;
  proxy->health.since_ms = said->since_ms;
  proxy->health.rtt_us = said->flags;
  proxy_copy_text(proxy->health.text, sizeof proxy->health.text, said->text);
  atomic_store_explicit(&proxy->proven_ms, said->proven_ms, memory_order_relaxed);
}

void proxy_tell_level(struct proxy *proxy)
{
  int32_t level = PLUG_LOG_DEBUG;
  while (level < PLUG_LOG_ERROR && !proxy->host->log_on(proxy->host, level))
    level++;
  if (level == proxy->level)
    return;
  proxy->level = level;
  proxy_put_number(proxy, WIRE_LOG_LEVEL, (uint64_t)level);
}

static void started(struct proxy *proxy, const struct said *said)
{
  struct plug_op *op = proxy->start_op;
  proxy->start_op = NULL;
  proxy->start_id = 0;
  if (said->status != PLUG_OK) {
    char why[200];
    snprintf(why, sizeof why, "start failed: %.*s",
             (int)utf8_cut(said->text.ptr, said->text.len, 180), said->text.ptr);
    if (op)
      proxy->host->op_done(op, said->status, said->text);
    proxy_lose(proxy, why);
    return;
  }
  proxy->phase = PROXY_RUNNING;
  proxy->ran = true;
  proxy->deadline_ms = proxy->ping_ms = 0;
  bool up = proxy->health.state == PLUG_STATE_UP;
  if (op) {
    proxy->told_up |= up; /* the server looks at its health, too */
    proxy->first_up &= !up;
    proxy->host->op_done(op, PLUG_OK, STR(""));
  } else {
    log_info(proxy->name, "its process runs again, after %" PRIu64 " ms",
             clock_now_ms() - proxy->born_ms);
    /* One that says nothing of its state in start is up. */
    if (!proxy->told_up && proxy->first_up && up)
      proxy_report_state(proxy, PLUG_STATE_UP, 0, STR(""));
  }
}

static const char *hear_done(struct proxy *proxy, const struct said *said)
{
  struct plug_op *op;
  if (proxy->start_id && said->id == proxy->start_id) {
    started(proxy, said);
    return NULL;
  }
  if (said->id & WIRE_LANE)
    return proxy_hear_lane(proxy, said);
  if (!requests_take(&proxy->requests, said->id, &op))
    return "an answer to what was not asked";
  if (op)
    proxy->host->op_done(op, said->status, said->text);
  return NULL;
}

const char *proxy_hear(struct proxy *proxy, const struct wire_frame *frame)
{
  struct said said;
  if (frame->kind == WIRE_ECHO)
    return proxy_hear_echo(proxy, frame);
  const char *wrong = said_read(frame, &said);
  if (wrong)
    return wrong;
  switch (said.kind) {
  case WIRE_DESCRIPTION:
    return proxy_is_same(proxy->image, frame)
               ? NULL
               : "the file is another plugin now; restart the server to load it";
  case WIRE_CREATED:
    return hear_created(proxy, &said);
  case WIRE_DONE:
    return hear_done(proxy, &said);
  case WIRE_STATE:
    if (proxy->phase == PROXY_STARTING || proxy->phase == PROXY_RUNNING)
      proxy_report_state(proxy, said.state, said.flags, said.text);
    return NULL;
  case WIRE_HEALTH:
    hear_health(proxy, &said);
    return NULL;
  case WIRE_PONG:
    if (said.id == proxy->ping)
      proxy->deadline_ms = 0;
    return NULL;
  case WIRE_LOG: {
    char area[130];
    snprintf(area, sizeof area, "%.*s", (int)utf8_cut(said.area.ptr, said.area.len, 128),
             said.area.ptr);
    log_line((enum log_level)said.flags, area, said.text);
    return NULL;
  }
  case WIRE_METRICS:
    return hear_metrics(proxy, &said);
  case WIRE_HANGS:
    proxy_copy_text(proxy->hangs_in, sizeof proxy->hangs_in, said.text);
    if (proxy->hangs_in[0] && proxy->told_up)
      proxy_report_state(proxy, PLUG_STATE_DOWN, 0, said.text);
    else if (!proxy->hangs_in[0] && !proxy->told_up && proxy->health.state == PLUG_STATE_UP)
      proxy_report_state(proxy, PLUG_STATE_UP, 0, STR(""));
    return NULL;
  default:
    return proxy_hear_broker(proxy, &said);
  }
}
