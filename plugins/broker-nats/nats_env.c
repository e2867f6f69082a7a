#include "nats_env.h"

#include "metric_table.h"

static const struct metric_row metrics[NATS_N_METRICS] = {
    [NATS_M_PUBLISHED] = {"published", "Messages that were written to NATS", 0},
    [NATS_M_PUBLISH_FAILED] = {"publish_failed", "Messages refused, or lost with a connection", 0},
    [NATS_M_PUBLISH_IN_FLIGHT] = {"publish_in_flight",
                                  "Messages that are not written, or not confirmed yet", 1},
    [NATS_M_DELIVERED] = {"delivered", "Messages handed to the server", 0},
    [NATS_M_CONGESTED] = {"congested", "Messages delivered while the node was congested", 0},
    [NATS_M_DROPPED_BAD_ENVELOPE] = {"dropped_bad_envelope",
                                     "Messages that were not in the envelope of the cluster", 0},
    [NATS_M_DROPPED_SLOW] = {"dropped_slow",
                             "Times that messages began to be dropped since the "
                             "node was too slow",
                             0},
    [NATS_M_DENIED] = {"denied", "Times that NATS denied a subject", 0},
    [NATS_M_RECONNECTS] = {"reconnects", "Times that NATS was reached again after a loss", 0},
    [NATS_M_RTT_US] = {"rtt_us", "Round trip of the last PING in microseconds", 1},
    [NATS_M_CONNECTED] = {"connected", "1 while NATS is up, else 0", 1},
    [NATS_M_SUBJECTS] = {"subjects", "Subjects that this node is subscribed to", 1},
};

void nats_env_init(struct nats_env *env, const struct plug_host *host)
{
  *env = (struct nats_env){.host = host};
  env->metrics = metric_table_make(host, metrics, NATS_N_METRICS, env->metric);
}
