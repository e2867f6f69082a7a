#include "watch_env.h"

#include "host_log.h"

void watch_env_init(struct watch_env *env, const struct plug_host *host)
{
  *env = (struct watch_env){.host = host,
                            .presence = host->extension(host, PLUG_EXT_PRESENCE),
                            .metrics = host->extension(host, PLUG_EXT_METRICS),
                            .timer_at_ms = UINT64_MAX};
  const struct plug_metrics *metrics = env->metrics;
  if (!metrics)
    return;
  env->n_rooms = metrics->gauge(host, "rooms", "rooms with a session of this node");
  env->n_seats = metrics->gauge(host, "seats", "sessions of this node in rooms");
  env->n_events = metrics->counter(host, "events", "joins and leaves told to rooms");
  env->n_merged = metrics->counter(host, "merged", "joins and leaves merged over max-events");
  env->n_ignored = metrics->counter(host, "ignored", "subscriptions that could not be counted");
}

bool watch_env_start(struct watch_env *env, plug_fn tick, void *arg)
{
  env->timer = env->host->timer_new(env->host, tick, arg);
  return env->timer != NULL;
}

void watch_env_stop(struct watch_env *env)
{
  if (env->timer)
    env->host->timer_free(env->timer);
  env->timer = NULL;
}

void watch_env_arm(struct watch_env *env, uint64_t at_ms)
{
  uint64_t now_ms = watch_env_now_ms(env);
  if (at_ms >= env->timer_at_ms || !env->timer)
    return;
  env->timer_at_ms = at_ms;
  env->host->timer_set(env->timer, at_ms > now_ms ? at_ms - now_ms : 1);
}

uint64_t watch_env_now_ms(const struct watch_env *env)
{
  return env->host->now_ms(env->host);
}

void watch_env_count(const struct watch_env *env, struct plug_metric *metric, int64_t by)
{
  if (metric)
    env->metrics->add(metric, by);
}

void watch_env_complain(const struct watch_env *env, const struct watch_section *section,
                        const char *what, const char *why)
{
  host_log(env->host, PLUG_LOG_INFO, "[%s] %s: %s", section->name, what, why);
}

plug_status watch_env_publish(const struct watch_env *env, const struct watch_section *section,
                              struct plug_str destination, struct plug_str body, uint64_t session,
                              struct plug_str subscription)
{
  struct plug_app_message message = {
      .destination = destination, .content_type = route_str(section->content_type), .body = body};
  return env->host->app->publish_local(env->host, &message, session, subscription);
}
