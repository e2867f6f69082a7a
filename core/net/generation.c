#include "net/generation.h"

#include <stdlib.h>

#include "base/assert.h"
#include "net/conn.h"
#include "session/applications.h"

static struct destination_prefixes prefixes_of(const struct settings_list *list)
{
  return (struct destination_prefixes){.items = list->items, .n = list->n};
}

static struct destination_rules destinations_of(const struct settings *settings,
                                                const struct settings_terms *terms)
{
  return (struct destination_rules){.broker = prefixes_of(&settings->broker_prefixes),
                                    .app = prefixes_of(&settings->app_prefixes),
                                    .client_send = prefixes_of(&terms->client_send),
                                    .spring = terms->spring_profile,
                                    .user = str_of(settings->user_prefix)};
}

struct destination_rules *generation_destinations(const struct settings *settings)
{
  struct destination_rules *destinations = calloc(2 + settings->n_endpoints, sizeof *destinations);
  if (!destinations)
    return NULL;
  destinations[0] = destinations_of(settings, &settings->terms);
  destinations[1] = destinations_of(settings, settings_speaks_tcp(settings) ? &settings->tcp_terms
                                                                            : &settings->terms);
  for (size_t i = 0; i < settings->n_endpoints; i++)
    destinations[2 + i] = destinations_of(settings, &settings->endpoints[i].terms);
  return destinations;
}

struct rules_world generation_world(const struct settings *settings,
                                    const struct destination_rules *destinations)
{
  return (struct rules_world){.destinations = destinations,
                              .n_destinations = 2 + settings->n_endpoints,
                              .patterns = settings_any_patterns(settings),
                              .authenticates = settings->auth_plugins.n > 0};
}

struct access_settings generation_access(const struct settings *settings,
                                         const struct destination_rules *destinations)
{
  return (struct access_settings){.chain = {.plugins = settings->auth_plugins.items,
                                            .n_plugins = settings->auth_plugins.n,
                                            .plugin_dir = settings->plugin_dir,
                                            .file = settings->auth_file,
                                            .line = settings->auth_line,
                                            .timeout_ms = settings->auth_timeout_ms,
                                            .own_homes = settings->plugin_threads},
                                  .world = generation_world(settings, destinations),
                                  .anonymous = settings->auth_anonymous,
                                  .close_denied = settings->auth_close_denied,
                                  .warning_ms = settings->auth_warning_ms,
                                  .max_former = settings->auth_former};
}

struct app_settings generation_app(const struct settings *settings,
                                   const struct destination_rules *destinations,
                                   const struct instance_extension *extension)
{
  return (struct app_settings){
      .chain = {.plugins = settings->app_plugins.items,
                .n_plugins = settings->app_plugins.n,
                .plugin_dir = settings->plugin_dir,
                .file = settings->app_file,
                .line = settings->app_line,
                .extension = extension,
                .timeout_ms = settings->app_timeout_ms,
                .own_homes = settings->plugin_threads},
      .destinations = destinations,
      .users = {str_of(settings->user_prefix), str_of(settings->user_secret)},
      .max_destination = settings->max_destination_length,
      .timeout_ms = settings->app_timeout_ms,
      .queue = settings->app_queue,
      .queue_bytes = settings->app_queue_bytes,
      .ignore_unclaimed = settings->app_ignore_unclaimed,
      .close_on_error = settings->app_close_on_error};
}

static struct session_terms terms_of(const struct generation *generation,
                                     const struct settings_terms *terms, uint16_t number,
                                     const char *door)
{
  const struct settings *settings = generation->settings;
  struct session_terms out = {.door = door,
                              .number = number,
                              .destinations = &generation->destinations[number],
                              .limits = {.frame_bytes = terms->max_frame_size,
                                         .n_headers = settings->max_headers,
                                         .header_bytes = settings->max_header_size},
                              .queue_bytes = (uint32_t)terms->queue_bytes,
                              .heartbeat_send_ms = terms->heartbeat_send_ms,
                              .heartbeat_receive_ms = terms->heartbeat_receive_ms,
                              .patterns = terms->patterns,
                              .spring = terms->spring_profile,
                              .ignore_unknown = terms->ignore_unknown,
                              .errors_end = !terms->recoverable,
                              .no_rules = !terms->access};
  if (generation->access) {
    const struct chain_credentials *credentials = &access_chain(generation->access)->credentials;
    out.limits.credentials = credentials->headers;
    out.limits.n_credentials = credentials->n_headers;
    out.limits.credential_bytes = credentials->max_bytes;
  }
  return out;
}

static void set_session_env(struct net_env *env, const struct generation *generation)
{
  const struct settings *settings = generation->settings;
  struct session_env *session = &env->session;
  session->terms = terms_of(generation, &settings->terms, 0, "[stomp]");
  session->heartbeat_tolerance = settings->heartbeat_tolerance;
  session->connect_timeout_ms = settings->connect_timeout_ms;
  session->max_subscriptions = settings->max_subscriptions;
  session->max_destination_length = settings->max_destination_length;
  session->max_transactions = settings->max_transactions;
  session->max_transaction_bytes = settings->max_transaction_bytes;
  session->max_session_memory = settings->max_session_memory;
  env->terms[0] = terms_of(generation, &settings->tcp_terms, 1, "[tcp]");
  for (size_t i = 0; i < settings->n_endpoints; i++)
    env->terms[1 + i] = terms_of(generation, &settings->endpoints[i].terms, (uint16_t)(2 + i),
                                 settings->endpoints[i].path);
}

static void set_hub(struct hub *hub, const struct settings *settings)
{
  static const enum outq_policy policies[] = {[QUEUE_CLOSE] = OUTQ_CLOSE,
                                              [QUEUE_DROP_OLDEST] = OUTQ_DROP_OLDEST,
                                              [QUEUE_DROP_NEWEST] = OUTQ_DROP_NEWEST};
  hub->outqs.max_bytes = settings->terms.queue_bytes;
  hub->outqs.max_frames = settings->queue_messages;
  hub->outqs.policy = policies[settings->queue_policy];
  hub->max_unacked = settings->max_unacked;
  hub->max_pattern_steps = (uint32_t)settings->max_pattern_steps;
  hub->max_route_bytes = settings->route_cache_bytes;
}

static void set_sockjs(struct net_env *env, const struct settings *settings)
{
  for (size_t i = 0; i < settings->n_endpoints; i++) {
    const struct settings_endpoint *endpoint = &settings->endpoints[i];
    env->sockjs_limits[i] =
        (struct sockjs_limits){.heartbeat_ms = endpoint->sockjs_heartbeat_ms,
                               .disconnect_ms = endpoint->sockjs_disconnect_ms,
                               .stream_bytes = endpoint->sockjs_stream_bytes,
                               .same_transport = endpoint->terms.spring_profile};
  }
}

static void set_all(struct net_env *env, const struct generation *generation)
{
  const struct settings *settings = generation->settings;
  env->config = generation->config;
  env->settings = settings;
  env->send_timeout_ms = settings->send_timeout_ms;
  env->api_keys = generation->api_keys;
  set_session_env(env, generation);
  set_hub(&env->hub, settings);
  set_sockjs(env, settings);
}

bool generation_enter(struct net_env *env, const struct generation *generation)
{
  size_t n = generation->settings->n_endpoints;
  env->terms = calloc(1 + n, sizeof *env->terms);
  env->sockjs_limits = calloc(1 + n, sizeof *env->sockjs_limits);
  if (!env->terms || !env->sockjs_limits)
    return false;
  /* Other threads read them, and they stay: those of the start are kept for ever. */
  env->hub.prefixes.configured = prefixes_of(&generation->settings->broker_prefixes);
  set_all(env, generation);
  return true;
}

void generation_follow(struct net_env *env, const struct generation *generation)
{
  invariant(generation->settings->n_endpoints == env->settings->n_endpoints);
  set_all(env, generation);
  if (env->session.access)
    access_worker_renew(env->session.access, generation->access);
  const struct app *former = env->session.app ? app_of(env->session.app) : NULL;
  bool newcomers = former && app_worker_renew(env->session.app, generation->app);
  /* What was found open to SENDs without access control has no class that could tell. */
  memset(env->session.sendable, 0, sizeof env->session.sendable);
  for (struct list *node = env->conns.next; node != &env->conns; node = node->next) {
    struct conn *conn = container_of(node, struct conn, link);
    session_follow(&conn->session);
    if (newcomers)
      applications_follow(&conn->session, former);
    conn_arm(conn);
  }
}

struct net_chains generation_chains(const struct net_env *env)
{
  const struct session_env *session = &env->session;
  return (struct net_chains){.access =
                                 session->access ? access_chain(access_of(session->access)) : NULL,
                             .app = session->app ? app_chain(app_of(session->app)) : NULL};
}
