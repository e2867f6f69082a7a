/* What every part of one instance needs: the host's services, metrics and log lines. Owned by the
 * instance. Set up in create; [home] but for what the host's functions allow. */
#ifndef HOOK_ENV_H
#define HOOK_ENV_H

#include <stdbool.h>

#include <plugboard/app.h>
#include <plugboard/ext/metrics.h>

#include "host_log.h"

enum hook_metric {
  HOOK_M_CALLS,
  HOOK_M_ANSWERED,
  HOOK_M_FAILED,
  HOOK_M_TIMEOUTS,
  HOOK_M_BAD_ANSWERS,
  HOOK_M_RETRIES,
  HOOK_M_BUSY,
  HOOK_M_CUT_OFF,
  HOOK_M_OPENED,
  HOOK_M_OPEN,
  HOOK_M_IN_FLIGHT,
  HOOK_M_QUEUED,
  HOOK_M_QUEUED_BYTES,
  HOOK_M_EVENTS_LOST,
  HOOK_N_METRICS
};

struct hook_env {
  const struct plug_host *host;
  const struct plug_metrics *metrics; /* NULL: the host has none */
  struct plug_metric *metric[HOOK_N_METRICS];
  int64_t gauge[HOOK_N_METRICS]; /* over all hooks */
  char id_prefix[33];            /* random, of this run */
  uint64_t last_id;
};

bool hook_env_init(struct hook_env *env, const struct plug_host *host); /* false: no randomness */

void hook_count(struct hook_env *env, enum hook_metric m);
void hook_gauge_add(struct hook_env *env, enum hook_metric m, int64_t by);

enum { HOOK_ID_SIZE = 56 };
/* A name for a request or an event that no other has, in the cluster. */
void hook_env_id(struct hook_env *env, char out[HOOK_ID_SIZE]);

/* At most one line a second; the next one tells how many were left out. */
__attribute__((format(printf, 4, 5))) void hook_log(const struct hook_env *env,
                                                    struct host_log_limit *limit, /* NULL: none */
                                                    int32_t level, const char *format, ...);

enum { HOOK_SHOWN_SIZE = 200 };
/* Text of strangers for a log line: what is not printable ASCII as '?', cut to what fits. */
const char *hook_show(char out[HOOK_SHOWN_SIZE], struct plug_str text);

#endif
