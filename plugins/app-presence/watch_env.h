/* What every part of one instance needs: the host's services, the metrics, one timer, log lines and
 * messages to sessions of this node. Owns the timer. Home thread only. */
#ifndef WATCH_ENV_H
#define WATCH_ENV_H

#include <plugboard/app.h>
#include <plugboard/ext/metrics.h>
#include <plugboard/ext/presence.h>

#include "watch_section.h"

struct watch_env {
  const struct plug_host *host;
  const struct plug_presence *presence;
  struct plug_timer *timer;           /* NULL: it is not started, or stopped */
  uint64_t timer_at_ms;               /* UINT64_MAX: it is not set */
  const struct plug_metrics *metrics; /* or NULL */
  struct plug_metric *n_rooms, *n_seats, *n_events, *n_merged, *n_ignored;
};

void watch_env_init(struct watch_env *env, const struct plug_host *host);
/* tick(arg) is called at the earliest of the times that watch_env_arm is given. False: no memory.
 */
bool watch_env_start(struct watch_env *env, plug_fn tick, void *arg);
void watch_env_stop(struct watch_env *env);
void watch_env_arm(struct watch_env *env, uint64_t at_ms);

uint64_t watch_env_now_ms(const struct watch_env *env);
void watch_env_count(const struct watch_env *env, struct plug_metric *metric, int64_t by);
void watch_env_complain(const struct watch_env *env, const struct watch_section *section,
                        const char *what, const char *why);
/* To the sessions of this node; session 0: all that are subscribed. */
plug_status watch_env_publish(const struct watch_env *env, const struct watch_section *section,
                              struct plug_str destination, struct plug_str body, uint64_t session,
                              struct plug_str subscription);

#endif
