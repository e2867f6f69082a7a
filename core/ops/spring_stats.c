#include "ops/spring_stats.h"

#include <inttypes.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"

#define D "%" PRId64

void spring_stats_read(const struct ops_sources *sources, struct spring_stats *out)
{
  struct ops_totals totals;
  struct broker_load load = broker_load(sources->broker);
  ops_totals_read(sources, &totals);
  const int64_t *by = totals.by_transport;
  *out = (struct spring_stats){
      .websocket = by[CARRIED_BY_WEBSOCKET] + by[CARRIED_BY_SOCKJS + SOCKJS_WEBSOCKET],
      .http_stream = by[CARRIED_BY_SOCKJS + SOCKJS_XHR_STREAMING] +
                     by[CARRIED_BY_SOCKJS + SOCKJS_EVENTSOURCE] +
                     by[CARRIED_BY_SOCKJS + SOCKJS_HTMLFILE],
      .http_poll = by[CARRIED_BY_SOCKJS + SOCKJS_XHR] + by[CARRIED_BY_SOCKJS + SOCKJS_JSONP],
      .total = totals.carried,
      .connect_failures = counter_read(COUNTER_closed_connect_timeout),
      .send_limits = counter_read(COUNTER_closed_queue) + counter_read(COUNTER_closed_stalled),
      .transport_errors = counter_read(COUNTER_closed_lost),
      .connects = counter_read(COUNTER_connects_in),
      .connecteds = counter_read(COUNTER_sessions_total),
      .disconnects = counter_read(COUNTER_disconnects_in),
      .n_workers = sources->n_workers,
      .inbound_queued = (int64_t)load.untaken,
      .inbound_completed = counter_read(COUNTER_frames_in),
      .outbound_queued = (int64_t)totals.inbox_messages,
      .outbound_completed = counter_read(COUNTER_delivered),
      .broker = ops_broker_name(sources),
      .broker_up = broker_ready(sources->broker),
      .tcp = by[CARRIED_BY_TCP],
      .sessions = counter_read(COUNTER_sessions),
      .subscriptions = counter_read(COUNTER_subscriptions),
      .dropped = counter_read(COUNTER_dropped_queue) + counter_read(COUNTER_dropped_congested),
      .published = counter_read(COUNTER_published),
      .delivered = counter_read(COUNTER_delivered)};
}

static void put_channel(struct buf *out, const char *name, unsigned threads, int64_t queued,
                        int64_t completed)
{
  buf_putf(out,
           ", %s[pool size = %u, active threads = %u, queued tasks = " D ", completed tasks = " D
           "]",
           name, threads, threads, queued, completed);
}

void spring_stats_put(const struct spring_stats *s, struct buf *out)
{
  buf_putf(out,
           "WebSocketSession[" D " current WS(" D ")-HttpStream(" D ")-HttpPoll(" D "), " D
           " total, " D " closed abnormally (" D " connect failure, " D " send limit, " D
           " transport error)]",
           s->websocket + s->http_stream + s->http_poll, s->websocket, s->http_stream, s->http_poll,
           s->total, s->connect_failures + s->send_limits, s->connect_failures, s->send_limits,
           s->transport_errors);
  buf_putf(out, ", stompSubProtocol[processed CONNECT(" D ")-CONNECTED(" D ")-DISCONNECT(" D ")]",
           s->connects, s->connecteds, s->disconnects);
  buf_put_str(out, STR(", stompBrokerRelay[null]"));
  put_channel(out, "inboundChannel", s->n_workers, s->inbound_queued, s->inbound_completed);
  put_channel(out, "outboundChannel", s->n_workers, s->outbound_queued, s->outbound_completed);
  buf_put_str(out, STR(", sockJsScheduler[null]"));
  buf_putf(out,
           ", plugboard[broker %.*s %s, " D " tcp, " D " sessions, " D " subscriptions, " D
           " published, " D " delivered, " D " dropped]",
           STR_ARG(s->broker), s->broker_up ? "up" : "down", s->tcp, s->sessions, s->subscriptions,
           s->published, s->delivered, s->dropped);
}

void spring_stats_log(const struct ops_sources *sources)
{
  struct spring_stats stats;
  struct buf line = {0};
  spring_stats_read(sources, &stats);
  spring_stats_put(&stats, &line);
  if (!line.failed)
    log_line(LOG_INFO, "core", str_from(line.data, line.len));
  buf_free(&line);
}
