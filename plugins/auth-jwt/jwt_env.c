#include "jwt_env.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_LEN = 1024 };

static const struct {
  const char *name, *help;
  int is_gauge;
} metrics[JWT_N_METRICS] = {
    [JWT_M_ACCEPTED] = {"accepted", "Tokens accepted", 0},
    [JWT_M_EXPIRED] = {"refused_expired", "Tokens refused because they had expired", 0},
    [JWT_M_REFUSED_SIGNATURE] = {"refused_signature", "Tokens whose signature was wrong", 0},
    [JWT_M_REFUSED_CLAIMS] = {"refused_claims", "Tokens refused for what they say", 0},
    [JWT_M_REFUSED_FORM] = {"refused_form", "What was no token, or one of a kind not accepted", 0},
    [JWT_M_NO_KEY] = {"refused_no_key", "Tokens for which there was no key", 0},
    [JWT_M_BUSY] = {"refused_busy", "Tokens not looked at because too many were waiting", 0},
    [JWT_M_WAITING] = {"waiting", "Tokens that wait for a key set", 1},
    [JWT_M_KEYS] = {"keys", "Keys at hand", 1},
    [JWT_M_KEYS_SKIPPED] = {"keys_skipped", "Keys of the key set that are of no use here", 1},
    [JWT_M_KEYS_LOADED] = {"keys_loaded", "Times that keys were read or fetched", 0},
    [JWT_M_KEYS_FAILED] = {"keys_failed", "Times that reading or fetching keys failed", 0},
    [JWT_M_KEYS_CURRENT] = {"keys_current",
                            "1 while the last attempt to read or fetch keys worked, else 0", 1},
};

void jwt_env_init(struct jwt_env *env, const struct plug_host *host)
{
  *env = (struct jwt_env){.host = host};
  const struct plug_workpool *pool = host->extension(host, PLUG_EXT_WORKPOOL);
  if (pool != NULL && PLUG_HAS(pool, run))
    env->pool = pool;
  const struct plug_metrics *m = host->extension(host, PLUG_EXT_METRICS);
  if (m == NULL || !PLUG_HAS(m, counter) || !PLUG_HAS(m, gauge) || !PLUG_HAS(m, add) ||
      !PLUG_HAS(m, set))
    return;
  env->metrics = m;
  for (size_t i = 0; i < JWT_N_METRICS; i++)
    env->metric[i] =
        (metrics[i].is_gauge ? m->gauge : m->counter)(host, metrics[i].name, metrics[i].help);
}

void jwt_log(const struct jwt_env *env, int32_t level, const char *format, ...)
{
  char line[LINE_MAX_LEN];
  va_list args;
  if (!env->host->log_on(env->host, level))
    return;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n < 0)
    return;
  size_t len = n < LINE_MAX_LEN ? (size_t)n : LINE_MAX_LEN - 1;
  env->host->log(env->host, level, (struct plug_str){line, len});
}
