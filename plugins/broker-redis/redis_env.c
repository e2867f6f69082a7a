#include "redis_env.h"

#include <inttypes.h>
#include <stdio.h>

#include "metric_table.h"

enum { LIMIT_MS = 10000 };

static const struct metric_row metrics[REDIS_N_METRICS] = {
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
  env->metrics = metric_table_make(host, metrics, REDIS_N_METRICS, env->metric);
}

void redis_log(const struct redis_env *env, int32_t level, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  host_vlog(env->host, level, NULL, format, args);
  va_end(args);
}

void redis_log_limited(const struct redis_env *env, struct host_log_limit *limit, int32_t level,
                       const char *format, ...)
{
  char more[64] = "";
  uint64_t left_out;
  va_list args;
  if (!host_log_pass(env->host, limit, LIMIT_MS, &left_out))
    return;
  if (left_out > 0)
    snprintf(more, sizeof more, " (and %" PRIu64 " more like this before)", left_out);
  va_start(args, format);
  host_vlog(env->host, level, more, format, args);
  va_end(args);
}
