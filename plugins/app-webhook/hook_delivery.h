/* What an answer of a backend leads to: the client's answer, or what an event's answer publishes.
 * Owns nothing but the count of messages that the broker has not taken yet. [home]. */
#ifndef HOOK_DELIVERY_H
#define HOOK_DELIVERY_H

#include "hook_jobs.h"

struct hook_delivery {
  struct hook_env *env;
  const struct hook_config *config;
  struct host_log_limit *failures;
  uint64_t n_publishing;
  void (*published)(void *ctx); /* the broker has taken a message, or not */
  void *ctx;
};

/* Acts on the answer of the job's call, and completes the job's operation. False, and nothing is
 * done: it is none, and why says why. */
bool hook_deliver(struct hook_delivery *delivery, const struct hook_job *job, char why[HOOK_WHY]);

#endif
