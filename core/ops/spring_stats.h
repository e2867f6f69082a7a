/* The line that a Spring application logs about its clients (WebSocketMessageBrokerStats), for what
 * reads such lines, with numbers of this server behind it. Owns nothing. Any thread.
 *
 * What the parts mean here: a pool is the workers, whose threads are always there. Inbound, what
 * waits is SENDs that the broker has not taken, and what is completed frames that were received;
 * outbound, messages that wait for a worker, and MESSAGE frames that were queued. There is no relay
 * and no scheduler. */
#ifndef OPS_SPRING_STATS_H
#define OPS_SPRING_STATS_H

#include "base/buf.h"
#include "ops/sources.h"

#define SPRING_STATS_FIRST_MS  60000u
#define SPRING_STATS_PERIOD_MS (30u * 60000)

struct spring_stats {
  int64_t websocket, http_stream, http_poll, total; /* connections by HTTP */
  int64_t connect_failures, send_limits, transport_errors;
  int64_t connects, connecteds, disconnects;
  unsigned n_workers;
  int64_t inbound_queued, inbound_completed, outbound_queued, outbound_completed;
  /* behind Spring's own */
  struct plug_str broker; /* its name */
  bool broker_up;
  int64_t tcp, sessions, subscriptions, dropped, published, delivered;
};

void spring_stats_read(const struct ops_sources *sources, struct spring_stats *out);
void spring_stats_put(const struct spring_stats *stats, struct buf *out);
/* Writes the line to the log. */
void spring_stats_log(const struct ops_sources *sources);

#endif
