#include "hook_env.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "metric_table.h"

enum { LOG_PERIOD_MS = 1000 };

static const struct metric_row metrics[HOOK_N_METRICS] = {
    [HOOK_M_CALLS] = {"calls", "Requests made to backends", 0},
    [HOOK_M_ANSWERED] = {"answered", "Requests that got an answer which is understood", 0},
    [HOOK_M_FAILED] = {"failed", "Requests that failed on the way, or with a status of failure", 0},
    [HOOK_M_TIMEOUTS] = {"timeouts", "Requests that were not answered in time", 0},
    [HOOK_M_BAD_ANSWERS] = {"bad_answers", "Answers that are not what an answer has to be", 0},
    [HOOK_M_RETRIES] = {"retries", "Requests made again", 0},
    [HOOK_M_BUSY] = {"refused_busy", "SENDs and SUBSCRIBEs refused because a queue was full", 0},
    [HOOK_M_CUT_OFF] = {"refused_open", "SENDs and SUBSCRIBEs refused by an open breaker", 0},
    [HOOK_M_OPENED] = {"breaker_opened", "Times that a circuit breaker has opened", 0},
    [HOOK_M_OPEN] = {"breakers_open", "Circuit breakers that are not closed", 1},
    [HOOK_M_IN_FLIGHT] = {"in_flight", "Requests under way", 1},
    [HOOK_M_QUEUED] = {"queued", "Requests and events that wait", 1},
    [HOOK_M_QUEUED_BYTES] = {"queued_bytes", "Their bytes", 1},
    [HOOK_M_EVENTS_LOST] = {"events_lost", "Events that no backend has taken", 0},
};

bool hook_env_init(struct hook_env *env, const struct plug_host *host)
{
  unsigned char random[16];
  *env = (struct hook_env){.host = host};
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return false;
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(env->id_prefix + 2 * i, 3, "%02x", random[i]);
  env->metrics = metric_table_make(host, metrics, HOOK_N_METRICS, env->metric);
  return true;
}

void hook_count(struct hook_env *env, enum hook_metric m)
{
  if (env->metric[m])
    env->metrics->add(env->metric[m], 1);
}

void hook_gauge_add(struct hook_env *env, enum hook_metric m, int64_t by)
{
  env->gauge[m] += by;
  if (env->metric[m])
    env->metrics->set(env->metric[m], env->gauge[m]);
}

void hook_env_id(struct hook_env *env, char out[HOOK_ID_SIZE])
{
  snprintf(out, HOOK_ID_SIZE, "%s-%" PRIu64, env->id_prefix, ++env->last_id);
}

void hook_log(const struct hook_env *env, struct host_log_limit *limit, int32_t level,
              const char *format, ...)
{
  char more[64] = "";
  va_list args;
  uint64_t left_out = 0;
  if (!env->host->log_on(env->host, level) ||
      (limit && !host_log_pass(env->host, limit, LOG_PERIOD_MS, &left_out)))
    return;
  if (left_out)
    snprintf(more, sizeof more, " (%" PRIu64 " more before, not reported)", left_out);
  va_start(args, format);
  host_vlog(env->host, level, more, format, args);
  va_end(args);
}

const char *hook_show(char out[HOOK_SHOWN_SIZE], struct plug_str text)
{
  size_t n = text.len < HOOK_SHOWN_SIZE - 4 ? text.len : HOOK_SHOWN_SIZE - 4;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    out[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
  }
  snprintf(out + n, HOOK_SHOWN_SIZE - n, "%s", n < text.len ? "..." : "");
  return out;
}
