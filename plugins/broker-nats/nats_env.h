/* The host, the metrics and the log, as seen by all parts of the plugin. Owns nothing. Any thread
 * once it is made. */
#ifndef NATS_ENV_H
#define NATS_ENV_H

#include <plugboard/broker.h>
#include <plugboard/ext/metrics.h>
#include <string.h>

#include "host_log.h"

enum { NATS_WHY_MAX = 256 };

enum nats_metric {
  NATS_M_PUBLISHED,
  NATS_M_PUBLISH_FAILED,
  NATS_M_PUBLISH_IN_FLIGHT,
  NATS_M_DELIVERED,
  NATS_M_CONGESTED,
  NATS_M_DROPPED_BAD_ENVELOPE,
  NATS_M_DROPPED_SLOW,
  NATS_M_DENIED,
  NATS_M_RECONNECTS,
  NATS_M_RTT_US,
  NATS_M_CONNECTED,
  NATS_M_SUBJECTS,
  NATS_N_METRICS
};

struct nats_env {
  const struct plug_host *host;
  const struct plug_metrics *metrics; /* NULL: the host has none */
  struct plug_metric *metric[NATS_N_METRICS];
};

void nats_env_init(struct nats_env *env, const struct plug_host *host); /* [create] */

static inline struct plug_str nats_str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static inline void nats_count(const struct nats_env *env, enum nats_metric m, int64_t n)
{
  if (env->metric[m] != NULL)
    env->metrics->add(env->metric[m], n);
}

static inline void nats_gauge(const struct nats_env *env, enum nats_metric m, int64_t value)
{
  if (env->metric[m] != NULL)
    env->metrics->set(env->metric[m], value);
}

#endif
