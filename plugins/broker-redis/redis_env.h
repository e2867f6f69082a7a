/* What every part of one instance needs: the host's services, metrics and log lines. Owned by the
 * instance. Log and count on any thread, set up in create. */
#ifndef REDIS_ENV_H
#define REDIS_ENV_H

#include <plugboard/broker.h>
#include <plugboard/ext/metrics.h>

#include "host_log.h"

enum redis_metric {
  REDIS_M_PUBLISHED,
  REDIS_M_PUBLISH_FAILED,
  REDIS_M_PUBLISH_IN_FLIGHT,
  REDIS_M_DELIVERED,
  REDIS_M_CONGESTED,
  REDIS_M_DROPPED_BAD_JSON,
  REDIS_M_DROPPED_NO_CONTENT,
  REDIS_M_DROPPED_BAD_ENVELOPE,
  REDIS_M_HELD,
  REDIS_M_RECONNECTS,
  REDIS_M_DEMOTIONS,
  REDIS_M_NAMESAKE_PROBES,
  REDIS_M_PROBE_TIMEOUTS,
  REDIS_M_PROBE_RTT_US,
  REDIS_M_CONNECTED,
  REDIS_M_TOPICS,
  REDIS_M_PATTERNS,
  REDIS_M_BYTES_IN,
  REDIS_M_BYTES_OUT,
  REDIS_M_PRESENCE_JOINED,
  REDIS_M_PRESENCE_LEFT,
  REDIS_M_PRESENCE_REAPED,
  REDIS_M_PRESENCE_CHANGES,
  REDIS_M_PRESENCE_BAD_CHANGES,
  REDIS_M_PRESENCE_REJOINS,
  REDIS_M_PRESENCE_ERRORS,
  REDIS_M_PRESENCE_WAITING,
  REDIS_N_METRICS
};

struct redis_env {
  const struct plug_host *host;
  const struct plug_metrics *metrics; /* NULL: the host has none */
  struct plug_metric *metric[REDIS_N_METRICS];
};

void redis_env_init(struct redis_env *env, const struct plug_host *host); /* [create] */

static inline void redis_count(const struct redis_env *env, enum redis_metric m, int64_t n)
{
  if (env->metric[m] != NULL)
    env->metrics->add(env->metric[m], n);
}

static inline void redis_gauge(const struct redis_env *env, enum redis_metric m, int64_t value)
{
  if (env->metric[m] != NULL)
    env->metrics->set(env->metric[m], value);
}

__attribute__((format(printf, 3, 4))) void redis_log(const struct redis_env *env, int32_t level,
                                                     const char *format, ...);

/* At most one line in ten seconds; the next one tells how many were left out. */
__attribute__((format(printf, 4, 5))) void redis_log_limited(const struct redis_env *env,
                                                             struct host_log_limit *limit,
                                                             int32_t level, const char *format,
                                                             ...);

#endif
