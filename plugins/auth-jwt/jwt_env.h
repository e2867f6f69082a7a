/* What every part of one instance needs: the host's services, metrics and log lines. Owned by the
 * instance. Log and count on any thread, set up in create. */
#ifndef JWT_ENV_H
#define JWT_ENV_H

#include <plugboard/auth.h>
#include <plugboard/ext/metrics.h>
#include <plugboard/ext/workpool.h>

enum jwt_metric {
  JWT_M_ACCEPTED,
  JWT_M_KNOWN,
  JWT_M_EXPIRED,
  JWT_M_REFUSED_SIGNATURE,
  JWT_M_REFUSED_CLAIMS,
  JWT_M_REFUSED_FORM,
  JWT_M_NO_KEY,
  JWT_M_BUSY,
  JWT_M_WAITING,
  JWT_M_KEYS,
  JWT_M_KEYS_SKIPPED,
  JWT_M_KEYS_LOADED,
  JWT_M_KEYS_FAILED,
  JWT_M_KEYS_CURRENT,
  JWT_N_METRICS
};

struct jwt_env {
  const struct plug_host *host;
  const struct plug_workpool *pool; /* NULL: the host has none */
  const struct plug_metrics *metrics;
  struct plug_metric *metric[JWT_N_METRICS];
};

void jwt_env_init(struct jwt_env *env, const struct plug_host *host); /* [create] */

static inline void jwt_count(const struct jwt_env *env, enum jwt_metric m)
{
  if (env->metric[m] != NULL)
    env->metrics->add(env->metric[m], 1);
}

static inline void jwt_gauge(const struct jwt_env *env, enum jwt_metric m, int64_t value)
{
  if (env->metric[m] != NULL)
    env->metrics->set(env->metric[m], value);
}

__attribute__((format(printf, 3, 4))) void jwt_log(const struct jwt_env *env, int32_t level,
                                                   const char *format, ...);

#endif
