#include "jwt_env.h"

#include "host_log.h"
#include "metric_table.h"

static const struct metric_row metrics[JWT_N_METRICS] = {
    [JWT_M_ACCEPTED] = {"accepted", "Tokens accepted", 0},
    [JWT_M_KNOWN] = {"known", "Tokens whose signature was known from before", 0},
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
  env->metrics = metric_table_make(host, metrics, JWT_N_METRICS, env->metric);
}

void jwt_log(const struct jwt_env *env, int32_t level, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  host_vlog(env->host, level, NULL, format, args);
  va_end(args);
}
