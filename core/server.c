#include "server.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "access/explain.h"
#include "base/block.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "config/broker_section.h"
#include "config/fault.h"
#include "message/message.h"
#include "message/message_rules.h"
#include "net/api_service.h"
#include "net/doors.h"
#include "net/mount.h"
#include "net/page_facts.h"
#include "net/worker.h"
#include "ops/admin.h"
#include "ops/admin_page.h"
#include "ops/drain.h"
#include "ops/health.h"
#include "ops/monitor.h"
#include "ops/notify.h"
#include "ops/orders.h"
#include "ops/stats.h"
#include "plugin/watchdog.h"
#include "plugin/workpool.h"
#include "presence/presence.h"
#include "session/admission.h"
#include "session/applications.h"
#include "tls/tls_contexts.h"

/* drain and stop of one instance take five seconds each at most, and somewhat more until that is
 * noticed. */
#define INSTANCE_STOP_MS  15000
#define STOP_GRACE_MS     2000
/* For the members of this node to leave; what is left goes as it does with a node that has died. */
#define PRESENCE_LEAVE_MS 2000

struct server {
  const struct config *config;
  const struct settings *settings;
  struct destination_rules *destinations; /* of all, of TCP, of each endpoint */
  struct pages pages, admin_pages;
  struct loop *loop;
  struct workpool *pool;
  struct broker *broker;
  struct presence *presence;                                  /* NULL: the broker has none */
  struct access *access;                                      /* NULL: nobody is asked */
  struct access_worker *access_workers[INTEREST_WORKERS_MAX]; /* one per worker, or none */
  struct app *app;                                            /* NULL: there are no applications */
  struct app_worker *app_workers[INTEREST_WORKERS_MAX];
  struct user_names users;
  struct refused_users *refused;
  struct api_service *api; /* NULL: there is no HTTP API */
  struct interest_table *interests;
  struct sockjs_registry *sockjs;
  const struct service *const *services; /* by endpoint, or NULL */
  struct worker *workers;
  unsigned n_initialised, n_running;
  bool broker_started;
  struct doors doors;
  struct mounts mounts;
  struct net_crew crew;
  _Atomic bool serving; /* workers run, and may be woken */
  _Atomic bool leaving; /* the end is near: /ready says so */
  uint64_t end_ms;      /* when all is to be over, by base/clock.h; 0: it was not asked to stop */
  _Atomic int64_t n_sockets;
  struct tls_contexts *tls; /* NULL: nobody listens for TLS, and nothing says how */
  struct orders orders;
  struct ops_sources sources; /* from start_all on */
  struct monitor monitor;
  struct health_mounts health;
  struct admin *admin;
  struct addresses *addresses; /* NULL: no limits per address */
};

/* --- parts -------------------------------------------------------------------------------- */

static struct destination_prefixes prefixes_of(const struct settings_list *list)
{
  return (struct destination_prefixes){.items = list->items, .n = list->n};
}

static plug_status create_broker(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  char section[128];
  broker_section_name(settings, section, sizeof section);
  if (broker_section_check_others(settings, server->config, section, err) != PLUG_OK)
    return PLUG_EINVAL;
  struct broker_settings bs = {.queue_when_down = settings->when_down == WHEN_DOWN_QUEUE,
                               .down_queue_messages = settings->down_queue_messages,
                               .down_queue_bytes = settings->down_queue_bytes,
                               .down_queue_ms = settings->down_queue_ms,
                               .down_queue_delay_ms = settings->down_queue_delay_ms,
                               .unsubscribe_grace_ms = settings->unsubscribe_grace_ms,
                               .operation_timeout_ms = settings->operation_timeout_ms,
                               .probe_interval_ms = settings->probe_interval_ms,
                               .max_unused_topics = settings->max_unused_topics,
                               .publish_queue = settings->worker_queue};
  struct plugin_image *image =
      image_load(settings->plugin_dir, "broker", settings->broker_plugin, err);
  if (!image) {
    broker_section_blame(settings, err);
    return PLUG_EINVAL;
  }
  struct inbox *inboxes[INTEREST_WORKERS_MAX];
  for (unsigned i = 0; i < settings->workers; i++)
    inboxes[i] = &server->workers[i].inbox;
  server->broker = broker_new(&bs);
  server->interests = server->broker
                          ? interest_table_new(settings->workers, inboxes, settings->worker_queue,
                                               broker_on_change, server->broker)
                          : NULL;
  if (!server->interests) {
    snprintf(err->text, sizeof err->text, "out of memory");
    return PLUG_ENOMEM;
  }
  interest_set_inbox_bytes(server->interests, settings->worker_queue_bytes);
  plug_status status = broker_create(server->broker, image, server->loop, section,
                                     config_find(server->config, section), server->interests, err);
  if (status != PLUG_OK && !strstr(err->text, ": "))
    broker_section_blame(settings, err);
  return status;
}

static plug_status create_presence(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  const struct presence_settings ps = {.max_members = settings->presence_members,
                                       .max_info = settings->presence_info_bytes,
                                       .max_rooms = settings->presence_rooms,
                                       .settle_ms = settings->presence_settle_ms,
                                       .timeout_ms = settings->operation_timeout_ms};
  plug_status status;
  server->presence = presence_new(&ps, broker_instance(server->broker), server->loop, &status);
  return status == PLUG_ENOMEM ? fault_no_memory(err) : PLUG_OK;
}

static struct rules_world rules_world_of(const struct server *server)
{
  return (struct rules_world){.destinations = server->destinations,
                              .n_destinations = 2 + server->settings->n_endpoints,
                              .patterns = settings_any_patterns(server->settings),
                              .authenticates = server->settings->auth_plugins.n > 0};
}

static plug_status create_access(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  struct access_settings as = {.chain = {.plugins = settings->auth_plugins.items,
                                         .n_plugins = settings->auth_plugins.n,
                                         .plugin_dir = settings->plugin_dir,
                                         .file = settings->auth_file,
                                         .line = settings->auth_line,
                                         .timeout_ms = settings->auth_timeout_ms},
                               .world = rules_world_of(server),
                               .anonymous = settings->auth_anonymous,
                               .close_denied = settings->auth_close_denied,
                               .warning_ms = settings->auth_warning_ms};
  bool wanted;
  server->access = access_new(&as, server->config, server->loop, &wanted, err);
  return server->access || !wanted ? PLUG_OK : PLUG_EINVAL;
}

/* A plugin that is both is asked who clients are only where [auth] names it, too. Whoever has put
 * it into [broker] alone believes that it guards the node. */
static plug_status check_broker_auth(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  const struct plugin_image *image = instance_image(broker_instance(server->broker));
  if (!image->entry.auth)
    return PLUG_OK;
  for (size_t i = 0; server->access && i < access_chain(server->access)->n; i++)
    if (instance_image(access_chain(server->access)->instances[i]) == image)
      return PLUG_OK;
  return fault_at(
      err, settings->broker_file, settings->broker_line,
      "%s: %s has an auth table too, and nobody would ask it: name %s in [auth] plugins",
      image->base, image->entry.id, image->path);
}

/* Lets worker i ask who its clients are. */
static plug_status give_access(struct server *server, unsigned i, struct plug_err *err)
{
  struct worker *worker = &server->workers[i];
  struct session_env *env = &worker->env.session;
  if (!server->access)
    return PLUG_OK;
  env->access = access_worker_new(server->access, i, &worker->inbox, &admission_events);
  server->access_workers[i] = env->access;
  if (!env->access)
    return fault_no_memory(err);
  const struct chain_credentials *credentials = &access_chain(server->access)->credentials;
  for (size_t door = 0; door < 1 + server->settings->n_endpoints; door++) {
    struct stomp_limits *limits = &worker->env.terms[door].limits;
    limits->credentials = credentials->headers;
    limits->n_credentials = credentials->n_headers;
    limits->credential_bytes = credentials->max_bytes;
  }
  return PLUG_OK;
}

/* For --check, where plugins are missing: the rules by themselves. */
static plug_status check_rules(struct server *server, struct plug_err *err)
{
  struct rules rules = {0};
  struct rules_world world = rules_world_of(server);
  plug_status status = rules_load(&rules, config_find(server->config, "access"), &world, err);
  rules_fini(&rules);
  return status;
}

static plug_status create_app(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  struct app_settings as = {
      .chain = {.plugins = settings->app_plugins.items,
                .n_plugins = settings->app_plugins.n,
                .plugin_dir = settings->plugin_dir,
                .file = settings->app_file,
                .line = settings->app_line,
                .extension = server->presence ? presence_extension(server->presence) : NULL,
                .timeout_ms = settings->app_timeout_ms},
      .destinations = server->destinations,
      .users = server->users,
      .max_destination = settings->max_destination_length,
      .timeout_ms = settings->app_timeout_ms,
      .queue = settings->app_queue,
      .queue_bytes = settings->app_queue_bytes,
      .ignore_unclaimed = settings->app_ignore_unclaimed,
      .close_on_error = settings->app_close_on_error};
  struct app *app = app_new(&as, server->config, server->loop, err);
  if (!app)
    return PLUG_EINVAL;
  if (settings->app_plugins.n)
    server->app = app;
  else
    app_free(app); /* its sections were looked at, that is all */
  return PLUG_OK;
}

static plug_status create_api(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  server->refused = refused_users_new((size_t)settings->api_max_refused_users);
  server->api = settings->n_api_keys ? api_service_new(settings) : NULL;
  if (server->api) {
    server->api->presence = server->presence;
    server->api->loop = server->loop;
  }
  bool well = server->refused && (server->api || !settings->n_api_keys);
  return well ? PLUG_OK : fault_no_memory(err);
}

static plug_status create_tls(struct server *server, struct plug_err *err)
{
  if (!server->settings->tls.n_certificates)
    return PLUG_OK;
  server->tls = tls_contexts_new(&server->settings->tls, err);
  return server->tls ? PLUG_OK : PLUG_EINVAL;
}

static plug_status create_admin(struct server *server, struct plug_err *err)
{
  const struct admin_parts parts = {
      .settings = server->settings,
      .config = server->config,
      .orders = &server->orders,
      .broker = broker_instance(server->broker),
      .access = server->access ? access_chain(server->access) : NULL,
      .app = server->app ? app_chain(server->app) : NULL,
  };
  server->admin = admin_new(&parts);
  bool well = server->admin && admin_mount(server->admin, &server->mounts);
  return well ? PLUG_OK : fault_no_memory(err);
}

/* Lets worker i talk to applications, and know users by name. */
static plug_status give_app(struct server *server, unsigned i, struct plug_err *err)
{
  struct worker *worker = &server->workers[i];
  struct session_env *env = &worker->env.session;
  env->worker = i;
  env->users = &server->users;
  env->refused = server->refused;
  worker->env.api = server->api;
  worker->env.hub.user_prefix = server->users.prefix;
  if (!server->app)
    return PLUG_OK;
  env->app = app_worker_new(server->app, &worker->inbox, applications_publish, env);
  server->app_workers[i] = env->app;
  return env->app ? PLUG_OK : fault_no_memory(err);
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

static plug_status make_destinations(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  server->destinations = calloc(2 + settings->n_endpoints, sizeof *server->destinations);
  if (!server->destinations)
    return fault_no_memory(err);
  server->destinations[0] = destinations_of(settings, &settings->terms);
  server->destinations[1] = destinations_of(
      settings, settings_speaks_tcp(settings) ? &settings->tcp_terms : &settings->terms);
  for (size_t i = 0; i < settings->n_endpoints; i++)
    server->destinations[2 + i] = destinations_of(settings, &settings->endpoints[i].terms);
  return PLUG_OK;
}

static uint64_t unix_now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static plug_status server_init(struct server *server, const struct config *config,
                               const struct settings *settings, struct plug_err *err)
{
  *server = (struct server){
      .config = config, .settings = settings, .orders = {.signal_fd = -1, .event_fd = -1}};
  plug_status ready = make_destinations(server, err);
  if (ready != PLUG_OK)
    return ready;
  server->users = (struct user_names){str_of(settings->user_prefix), str_of(settings->user_secret)};
  size_t bytes = settings->workers * sizeof *server->workers;
  server->workers = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!server->workers) {
    snprintf(err->text, sizeof err->text, "out of memory");
    return PLUG_ENOMEM;
  }
  memset(server->workers, 0, bytes);
  message_set_node(settings->node);
  message_set_ids(unix_now_ms());
  const struct message_limits limits = {.bytes = settings_largest_frame(settings),
                                        .n_headers = settings->max_headers,
                                        .header_bytes = settings->max_header_size,
                                        .topic_bytes = settings->max_destination_length};
  message_set_limits(&limits);
  if (settings->max_address_connections || settings->max_address_rate) {
    server->addresses =
        addresses_new(settings->max_address_connections, settings->max_address_rate);
    if (!server->addresses) {
      snprintf(err->text, sizeof err->text, "out of memory");
      return PLUG_ENOMEM;
    }
  }
  if (settings->try_page && settings_speaks_http(settings)) {
    plug_status status = pages_load(&server->pages, settings->web_dir, err);
    if (status != PLUG_OK) {
      log_warn("net", "the page to try the server on is not there: %s", err->text);
      err->text[0] = '\0';
    }
    if (settings->page.sign_in)
      log_warn("net", "[try-page] sign-in is on: whoever reaches this server may sign in by any "
                      "name; this is for development only");
    status = page_facts_add(&server->pages, settings, err);
    if (status != PLUG_OK)
      return status;
  }
  return settings->n_admin_listen || settings->n_admin_tls_listen || settings->admin_socket.path
             ? admin_page_mount(&server->admin_pages, settings->web_dir, &server->mounts, err)
             : PLUG_OK;
}

static void server_fini(struct server *server)
{
  monitor_fini(&server->monitor);
  for (unsigned i = 0; i < server->n_initialised; i++)
    worker_fini(&server->workers[i]);
  for (unsigned i = 0; i < server->settings->workers; i++)
    access_worker_free(server->access_workers[i]);
  for (unsigned i = 0; i < server->settings->workers; i++)
    app_worker_free(server->app_workers[i]);
  app_free(server->app);
  presence_free(server->presence);
  broker_free(server->broker);
  access_free(server->access);
  api_service_free(server->api);
  admin_free(server->admin);
  refused_users_free(server->refused);
  workpool_free(server->pool);
  if (server->loop)
    loop_stop(server->loop);
  interest_table_free(server->interests);
  sockjs_registry_free(server->sockjs);
  tls_contexts_free(server->tls);
  doors_remove_paths(&server->doors);
  mounts_fini(&server->mounts);
  pages_fini(&server->pages);
  pages_fini(&server->admin_pages);
  addresses_free(server->addresses);
  free(server->workers);
  free(server->destinations);
  block_drop_cache();
}

/* What operators look at; everything it names has been made. */
static plug_status create_ops(struct server *server, struct plug_err *err)
{
  server->sources =
      (struct ops_sources){.settings = server->settings,
                           .broker = server->broker,
                           .access = server->access ? access_chain(server->access) : NULL,
                           .app = server->app ? app_chain(server->app) : NULL,
                           .workers = server->workers,
                           .n_workers = server->settings->workers,
                           .loop = server->loop,
                           .tls = server->tls,
                           .leaving = &server->leaving};
  monitor_init(&server->monitor, &server->sources);
  server->health = (struct health_mounts){.sources = &server->sources,
                                          .monitor = &server->monitor,
                                          .operators = admin_operators(server->admin)};
  return health_mount(&server->health, &server->mounts) ? PLUG_OK : fault_no_memory(err);
}

/* --- life --------------------------------------------------------------------------------- */

/* [any] */
static void on_hang(void *ctx)
{
  struct server *server = ctx;
  for (unsigned i = 0; atomic_load(&server->serving) && i < server->settings->workers; i++)
    worker_wake(&server->workers[i]);
}

static plug_status start_all(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  const struct watchdog_settings watch = {settings->plugin_hang_ms, on_hang, server};
  if (!watchdog_start(&watch)) {
    snprintf(err->text, sizeof err->text, "cannot start the watchdog thread");
    return PLUG_ENOMEM;
  }
  server->loop = loop_start();
  if (!server->loop) {
    snprintf(err->text, sizeof err->text, "cannot start the control thread");
    return PLUG_ENOMEM;
  }
  server->pool = workpool_new((unsigned)settings->pool_threads, settings->pool_queue);
  if (!server->pool)
    return fault_no_memory(err);
  loop_set_pool(server->loop, server->pool);
  plug_status status = create_broker(server, err);
  if (status == PLUG_OK)
    status = create_presence(server, err);
  if (status == PLUG_OK)
    status = create_access(server, err);
  if (status == PLUG_OK)
    status = create_app(server, err);
  if (status == PLUG_OK)
    status = create_api(server, err);
  if (status == PLUG_OK)
    status = create_admin(server, err);
  if (status == PLUG_OK)
    status = create_tls(server, err);
  if (status == PLUG_OK)
    status = check_broker_auth(server, err);
  server->sockjs = sockjs_registry_new(settings->max_sockjs_sessions);
  if (!server->sockjs && status == PLUG_OK)
    status = fault_no_memory(err);
  for (unsigned i = 0; i < settings->workers && status == PLUG_OK; i++) {
    server->n_initialised++;
    status = worker_init(&server->workers[i], i, settings, server->broker, server->interests,
                         server->destinations, &server->pages, server->sockjs, &server->n_sockets,
                         server->addresses, err);
    server->workers[i].env.services = server->services;
    server->workers[i].env.leaving = &server->leaving;
    server->workers[i].env.tls = server->tls;
    server->workers[i].env.mounts = &server->mounts;
    server->workers[i].env.crew = &server->crew;
    server->workers[i].env.hooks = server->admin ? admin_hooks(server->admin) : NULL;
    server->crew.envs[server->crew.n++] = &server->workers[i].env;
    if (status == PLUG_OK)
      status = give_access(server, i, err);
    if (status == PLUG_OK)
      status = give_app(server, i, err);
  }
  if (status == PLUG_OK)
    status = create_ops(server, err);
  if (status == PLUG_OK)
    status = doors_open(server->workers, settings, &server->doors, err);
  if (status == PLUG_OK && server->presence && !presence_start(server->presence)) {
    snprintf(err->text, sizeof err->text, "the control thread does not come back");
    status = PLUG_ETIMEDOUT;
  }
  if (status == PLUG_OK) {
    status = broker_start(server->broker, err);
    server->broker_started = true;
  }
  if (status == PLUG_OK && server->access)
    status = access_start(server->access, err);
  if (status == PLUG_OK && server->app)
    status = app_start(server->app, err);
  for (unsigned i = 0; i < settings->workers && status == PLUG_OK; i++) {
    status = worker_run(&server->workers[i]);
    if (status == PLUG_OK)
      server->n_running++;
    else
      snprintf(err->text, sizeof err->text, "cannot start worker %u", i);
  }
  if (status == PLUG_OK && server->tls && !tls_contexts_watch(server->tls)) {
    snprintf(err->text, sizeof err->text, "cannot start the thread that watches certificates");
    status = PLUG_ENOMEM;
  }
  atomic_store(&server->serving, status == PLUG_OK);
  if (status == PLUG_OK && !monitor_start(&server->monitor)) {
    snprintf(err->text, sizeof err->text, "cannot start the monitor thread");
    status = PLUG_ENOMEM;
  }
  return status;
}

/* What was on its way to workers that have ended: identities that go back to their plugins, what
 * applications wait for, questions to all workers. */
static void empty_inboxes(struct server *server)
{
  bool any;
  do {
    any = false;
    for (unsigned i = 0; i < server->n_running; i++) {
      hub_take_all(&server->workers[i].env.hub, &server->workers[i].inbox);
      while (hub_run_calls(&server->workers[i].env.hub))
        any = true;
    }
  } while (any);
}

/* What a stop may take when every part takes all of its time; with a plugin that hangs already,
 * only what sessions need to end. */
static uint64_t stop_limit_ms(const struct server *server)
{
  size_t n_instances = 1 + (server->access ? access_chain(server->access)->n : 0) +
                       (server->app ? app_chain(server->app)->n : 0);
  uint64_t sessions_ms = server->settings->drain_ms + STOP_GRACE_MS + PRESENCE_LEAVE_MS;
  return watchdog_hangs() ? sessions_ms : sessions_ms + n_instances * INSTANCE_STOP_MS;
}

static void stop_all(struct server *server)
{
  uint64_t now_ms = clock_now_ms();
  uint64_t end_ms = server->end_ms ? server->end_ms : now_ms + server->settings->drain_ms;
  /* Of what is left half for what was sent before, all of it for sessions that are behind that. */
  uint64_t deadline_ms = now_ms + (end_ms > now_ms ? (end_ms - now_ms) / 2 : 0);
  watchdog_end_within(stop_limit_ms(server));
  monitor_stopping(&server->monitor);
  for (unsigned i = 0; i < server->n_running; i++)
    worker_quiet(&server->workers[i]);
  for (unsigned i = 0; i < server->n_running; i++)
    worker_wait_quiet(&server->workers[i], deadline_ms);
  if (server->app && server->n_running)
    app_drain(server->app, deadline_ms);
  if (server->presence)
    presence_drain(server->presence, clock_now_ms() + PRESENCE_LEAVE_MS);
  if (server->broker_started)
    broker_drain(server->broker);
  for (unsigned i = 0; i < server->n_running; i++)
    worker_stop(&server->workers[i], end_ms);
  for (unsigned i = 0; i < server->n_running; i++)
    worker_join(&server->workers[i]);
  atomic_store(&server->serving, false);
  monitor_stop(&server->monitor);
  empty_inboxes(server);
  if (server->broker_started)
    broker_stop(server->broker);
  if (server->app) {
    empty_inboxes(server);
    app_stop(server->app);
    empty_inboxes(server);
  }
  if (!server->access)
    return;
  access_drain(server->access);
  empty_inboxes(server);
  access_stop(server->access);
}

/* While the server takes its leave; at most so long. */
static void serve_order(struct server *server, uint64_t ms)
{
  struct order *order = orders_wait(&server->orders, ms);
  if (!order)
    return;
  if (order->kind == ORDER_STATS)
    stats_log(&server->sources);
  orders_answer(order, order->kind == ORDER_STATS ? PLUG_OK : PLUG_ESTATE,
                order->kind == ORDER_STATS ? "{}" : "the server is stopping");
}

/* Balancers learn from /ready that this node is about to go, and have the time to turn to others
 * before the first of their connections is refused. */
static void go_on_unready(struct server *server)
{
  uint64_t delay_ms = server->settings->stop_delay_ms, end_ms = clock_now_ms() + delay_ms, now_ms;
  atomic_store(&server->leaving, true);
  if (!delay_ms)
    return;
  log_info("core", "stopping in %llu ms: until then only /ready says so",
           (unsigned long long)delay_ms);
  while ((now_ms = clock_now_ms()) < end_ms)
    serve_order(server, end_ms - now_ms);
}

/* How often it is asked whether the sessions have gone. */
#define DRAIN_LOOK_MS 10

static void take_leave(struct server *server)
{
  struct drain drain;
  log_info("core", "stopping: no new connections, sessions are closed");
  server->end_ms = clock_now_ms() + server->settings->drain_ms;
  if (!server->settings->drain_ms)
    return;
  drain_begin(&drain, server->workers, server->n_running, server->settings, server->end_ms);
  while (drain_goes_on(&drain))
    serve_order(server, DRAIN_LOOK_MS);
}

/* A second signal does not wait for anybody. */
static void let_signals_kill(void)
{
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

static void reopen_log(void)
{
  int failed = log_reopen();
  if (failed)
    log_error("core", "the access log cannot be opened anew: %s", strerror(failed));
}

static void wait_for_end(struct server *server)
{
  struct stats_rhythm stats;
  stats_rhythm_init(&stats, server->settings, clock_now_ms());
  for (;;) {
    struct order *order =
        orders_wait(&server->orders, stats_rhythm_wait_ms(&stats, clock_now_ms()));
    if (!order) {
      stats_tell(&server->sources);
      stats_rhythm_next(&stats, clock_now_ms());
      continue;
    }
    switch (order->kind) {
    case ORDER_DRAIN:
      let_signals_kill();
      notify_stopping();
      orders_answer(order, PLUG_OK, "{}");
      go_on_unready(server);
      take_leave(server);
      orders_close(&server->orders);
      return;
    case ORDER_RELOAD:
      reopen_log();
      orders_answer(order, PLUG_ENOTSUP, "the configuration is read at the start only");
      break;
    case ORDER_STATS:
      stats_log(&server->sources);
      orders_answer(order, PLUG_OK, "{}");
      break;
    }
  }
}

/* Every connection is a descriptor: take what the hard limit gives. */
static void raise_descriptor_limit(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log_warn("core", "cannot raise the limit of file descriptors: %s", strerror(errno));
}

/* Those that plugins and access/rules.h read: the settings are made from the others already. */
static bool is_read_later(const char *section)
{
  return strchr(section, '.') || strcmp(section, "access") == 0;
}

/* What may only follow from a mistake that was taken out is told as that: the line is good. */
static void complain_of_part(const struct config *config, const char *text)
{
  struct buf line = {0};
  buf_put_str(&line, str_of(text));
  if (config_fault_follows(config))
    buf_put_str(&line, STR(" (this may follow from a mistake named above)"));
  buf_put_char(&line, '\0');
  text_complain(line.failed ? text : line.data);
  buf_free(&line);
}

/* Mistakes are taken out of the configuration, and their part of the server is tried again; a part
 * that fails for another reason is named once, and left out from there on. */
int server_check(struct config *config, const struct settings *settings)
{
  static plug_status (*const parts[])(struct server *, struct plug_err *) = {
      create_broker, create_access, check_rules,      create_presence,
      create_app,    create_tls,    check_broker_auth};
  enum { PARTS = sizeof parts / sizeof *parts };
  bool failed[PARTS] = {false};
  size_t n_mistakes = 0, before;
  do {
    struct server server;
    struct plug_err err = {0};
    before = n_mistakes;
    plug_status status = server_init(&server, config, settings, &err);
    if (status != PLUG_OK)
      text_complain(err.text);
    for (size_t i = 0; i < PARTS && status == PLUG_OK; i++) {
      if (failed[i] || (parts[i] == check_rules && !failed[1]) ||
          (parts[i] == create_presence && failed[0]) ||
          (parts[i] == check_broker_auth && (failed[0] || failed[1])))
        continue;
      (void)fault_take_place(); /* what plugins say has none */
      status = parts[i](&server, &err);
      if (status == PLUG_OK)
        continue;
      complain_of_part(config, err.text);
      n_mistakes++;
      failed[i] = !config_forget_fault(config, is_read_later);
    }
    server_fini(&server);
    if (status != PLUG_OK && n_mistakes == before)
      return EXIT_CONFIG;
  } while (n_mistakes > before);
  return n_mistakes == 0 ? EXIT_SUCCESS : EXIT_CONFIG;
}

int server_explain(const struct config *config, const struct settings *settings,
                   const char *const *words, size_t n_words)
{
  struct server server;
  struct plug_err err = {0};
  struct rules rules = {0};
  struct buf out = {0};
  plug_status status = server_init(&server, config, settings, &err);
  struct rules_world world = rules_world_of(&server);
  if (status == PLUG_OK)
    status = rules_load(&rules, config_find(config, "access"), &world, &err);
  if (status != PLUG_OK) {
    text_complain(err.text);
    server_fini(&server);
    return EXIT_CONFIG;
  }
  struct explain_request request = {.rules = &rules,
                                    .world = &world,
                                    .max_destination_length = settings->max_destination_length,
                                    .words = words,
                                    .n_words = n_words};
  status = explain_access(&request, &out);
  fprintf(status == PLUG_EINVAL ? stderr : stdout, "%s%.*s",
          status == PLUG_EINVAL ? "plugboard: " : "", (int)out.len, out.data ? out.data : "");
  buf_free(&out);
  rules_fini(&rules);
  server_fini(&server);
  return status == PLUG_EINVAL ? EXIT_USAGE : status == PLUG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int server_run(const struct config *config, const struct settings *settings)
{
  return server_run_services(config, settings, NULL);
}

int server_run_services(const struct config *config, const struct settings *settings,
                        const struct service *const *services)
{
  struct server server;
  struct plug_err err = {0};
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  hash_seed();
  raise_descriptor_limit();

  plug_status status = server_init(&server, config, settings, &err);
  server.services = services;
  if (status == PLUG_OK && !orders_init(&server.orders, &signals)) {
    snprintf(err.text, sizeof err.text, "no file descriptors are left");
    status = PLUG_ENOMEM;
  }
  if (status == PLUG_OK)
    status = start_all(&server, &err);
  if (status == PLUG_OK) {
    log_info("core", "ready: node %s, %u worker%s, broker %s", settings->node, settings->workers,
             settings->workers == 1 ? "" : "s", settings->broker_plugin);
    wait_for_end(&server);
  } else {
    text_complain(err.text);
  }
  stop_all(&server);
  if (status == PLUG_OK) {
    stats_log(&server.sources);
    log_info("core", "stopped");
  }
  if (instance_any_abandoned()) {
    /* Its threads may come back into anything: nothing is taken apart under them. */
    log_error("core", "ended with a plugin that did not stop");
    fflush(NULL);
    _exit(EXIT_FAILURE);
  }
  orders_fini(&server.orders);
  server_fini(&server);
  watchdog_stop();
  if (status == PLUG_OK)
    return 0;
  return status == PLUG_EINVAL ? EXIT_CONFIG : EXIT_FAILURE;
}
