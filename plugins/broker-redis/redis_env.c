#include "redis_env.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_LEN = 1024, LIMIT_MS = 10000 };

static const struct {
  const char *name, *help;
  int is_gauge;
} metrics[REDIS_N_METRICS] = {
    [REDIS_M_PUBLISHED] = {"published", "Messages that Redis has accepted", 0},
    [REDIS_M_PUBLISH_FAILED] = {"publish_failed", "Messages refused, or lost with a connection", 0},
    [REDIS_M_PUBLISH_IN_FLIGHT] = {"publish_in_flight", "Messages that Redis has not answered yet",
                                   1},
    [REDIS_M_DELIVERED] = {"delivered", "Messages handed to the server", 0},
    [REDIS_M_CONGESTED] = {"congested", "Messages delivered while the node was congested", 0},
    [REDIS_M_DROPPED_BAD_JSON] = {"dropped_bad_json", "Messages that were not the expected JSON",
                                  0},
    [REDIS_M_DROPPED_NO_CONTENT] = {"dropped_no_content",
                                    "JSON messages whose content was null or missing", 0},
    [REDIS_M_DROPPED_BAD_ENVELOPE] = {"dropped_bad_envelope",
                                      "Messages that were not in the envelope of the cluster", 0},
    [REDIS_M_HELD] = {"held", "Messages that waited for the SUBSCRIBE of their own topic", 0},
    [REDIS_M_RECONNECTS] = {"reconnects", "Times that Redis was reached again after a loss", 0},
    [REDIS_M_DEMOTIONS] = {"demotions", "Times that a server in use was no master any more", 0},
    [REDIS_M_NAMESAKE_PROBES] = {"namesake_probes", "Probes of another node of the same name", 0},
    [REDIS_M_PROBE_TIMEOUTS] = {"probe_timeouts", "Probes that did not come back in time", 0},
    [REDIS_M_PROBE_RTT_US] = {"probe_rtt_us", "Round trip of the last probe in microseconds", 1},
    [REDIS_M_CONNECTED] = {"connected", "1 while Redis is up, else 0", 1},
    [REDIS_M_TOPICS] = {"topics", "Topic channels that this node listens to", 1},
    [REDIS_M_PATTERNS] = {"patterns", "Globs that this node listens to", 1},
    [REDIS_M_BYTES_IN] = {"bytes_in", "Bytes received from Redis", 0},
    [REDIS_M_BYTES_OUT] = {"bytes_out", "Bytes sent to Redis", 0},
    [REDIS_M_PRESENCE_JOINED] = {"presence_joined", "Members that this node has added", 0},
    [REDIS_M_PRESENCE_LEFT] = {"presence_left", "Members that this node has taken away", 0},
    [REDIS_M_PRESENCE_REAPED] = {"presence_reaped",
                                 "Members of dead nodes that this node has taken away", 0},
    [REDIS_M_PRESENCE_CHANGES] = {"presence_changes", "Changes handed to the server", 0},
    [REDIS_M_PRESENCE_BAD_CHANGES] = {"presence_bad_changes",
                                      "Messages about changes that made no sense", 0},
    [REDIS_M_PRESENCE_REJOINS] = {"presence_rejoins",
                                  "Times that all members had to be joined again", 0},
    [REDIS_M_PRESENCE_ERRORS] = {"presence_errors", "Scripts that Redis refused or broke off", 0},
    [REDIS_M_PRESENCE_WAITING] = {"presence_waiting", "Joins and leaves that wait for Redis", 1},
};

void redis_env_init(struct redis_env *env, const struct plug_host *host)
{
  *env = (struct redis_env){.host = host};
  const struct plug_metrics *m = host->extension(host, PLUG_EXT_METRICS);
  if (m == NULL || !PLUG_HAS(m, counter) || !PLUG_HAS(m, gauge) || !PLUG_HAS(m, add) ||
      !PLUG_HAS(m, set))
    return;
  env->metrics = m;
  for (size_t i = 0; i < REDIS_N_METRICS; i++)
    env->metric[i] =
        (metrics[i].is_gauge ? m->gauge : m->counter)(host, metrics[i].name, metrics[i].help);
}

static void log_line(const struct redis_env *env, int32_t level, char line[LINE_MAX_LEN], int n)
{
  if (n < 0)
    return;
  size_t len = n < LINE_MAX_LEN ? (size_t)n : LINE_MAX_LEN - 1;
  env->host->log(env->host, level, (struct plug_str){line, len});
}

void redis_log(const struct redis_env *env, int32_t level, const char *format, ...)
{
  char line[LINE_MAX_LEN];
  va_list args;
  if (!env->host->log_on(env->host, level))
    return;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  log_line(env, level, line, n);
}

void redis_log_limited(const struct redis_env *env, struct redis_log_limit *limit, int32_t level,
                       const char *format, ...)
{
  char line[LINE_MAX_LEN];
  uint64_t now = env->host->now_ms(env->host);
  va_list args;
  if (now < limit->next_ms) {
    limit->left_out++;
    return;
  }
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (limit->left_out > 0 && n >= 0 && n < LINE_MAX_LEN)
    n += snprintf(line + n, sizeof line - (size_t)n, " (and %" PRIu64 " more like this before)",
                  limit->left_out);
  limit->next_ms = now + LIMIT_MS;
  limit->left_out = 0;
  log_line(env, level, line, n);
}
