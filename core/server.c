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
#include "base/utf8.h"
#include "config/broker_section.h"
#include "config/fault.h"
#include "message/message.h"
#include "net/api_service.h"
#include "net/doors.h"
#include "net/generation.h"
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
#include "ops/reload.h"
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
/* How often is looked whether what a reload has replaced is needed any more. */
#define RELOAD_LOOK_MS    1000

struct server {
  const struct config *config;
  const struct settings *settings;
  struct destination_rules *destinations; /* of the first generation */
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
  struct api_service *api;
  struct api_keyring *api_keys; /* of the first generation, as the destinations */
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
  struct addresses *addresses;
  struct reload reload;
  struct reload_part parts[2]; /* of it */
};

/* --- parts -------------------------------------------------------------------------------- */

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

static plug_status create_access(struct server *server, struct plug_err *err)
{
  struct access_settings as = generation_access(server->settings, server->destinations);
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
  return env->access ? PLUG_OK : fault_no_memory(err);
}

/* For --check, where plugins are missing: the rules by themselves. */
static plug_status check_rules(struct server *server, struct plug_err *err)
{
  struct rules rules = {0};
  struct rules_world world = generation_world(server->settings, server->destinations);
  plug_status status = rules_load(&rules, config_find(server->config, "access"), &world, err);
  rules_fini(&rules);
  return status;
}

static plug_status create_app(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  struct app_settings as =
      generation_app(settings, server->destinations,
                     server->presence ? presence_extension(server->presence) : NULL);
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
  server->api = api_service_new(settings);
  server->api_keys = api_service_keys(settings);
  if (server->api) {
    server->api->presence = server->presence;
    server->api->loop = server->loop;
  }
  bool well = server->refused && server->api && server->api_keys;
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
  const struct admin_parts parts = {.settings = server->settings,
                                    .orders = &server->orders,
                                    .broker = broker_instance(server->broker)};
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
  server->destinations = generation_destinations(settings);
  if (!server->destinations)
    return fault_no_memory(err);
  server->users = (struct user_names){str_of(settings->user_prefix), str_of(settings->user_secret)};
  size_t bytes = settings->workers * sizeof *server->workers;
  server->workers = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!server->workers) {
    snprintf(err->text, sizeof err->text, "out of memory");
    return PLUG_ENOMEM;
  }
  memset(server->workers, 0, bytes);
  return PLUG_OK;
}

static plug_status make_pages(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  plug_status status = PLUG_OK;
  if (settings->try_page && settings_speaks_http(settings)) {
    if (pages_load(&server->pages, settings->web_dir, err) != PLUG_OK) {
      log_warn("net", "the page to try the server on is not there: %s", err->text);
      err->text[0] = '\0';
    }
    if (settings->page.sign_in)
      log_warn("net", "[try-page] sign-in is on: whoever reaches this server may sign in by any "
                      "name; this is for development only");
    status = page_facts_add(&server->pages, settings, err);
  }
  if (status == PLUG_OK &&
      (settings->n_admin_listen || settings->n_admin_tls_listen || settings->admin_socket.path))
    status = admin_page_mount(&server->admin_pages, settings->web_dir, &server->mounts, err);
  return status;
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
  tls_contexts_free(server->tls); /* which looks at settings until then */
  reload_fini(&server->reload);
  access_free(server->access);
  api_keyring_free(server->api_keys);
  api_service_free(server->api);
  admin_free(server->admin);
  refused_users_free(server->refused);
  workpool_free(server->pool);
  if (server->loop)
    loop_stop(server->loop);
  interest_table_free(server->interests);
  sockjs_registry_free(server->sockjs);
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
  for (unsigned i = 0; atomic_load(&server->serving) && i < server->n_running; i++)
    worker_wake(&server->workers[i]);
}

static plug_status start_all(struct server *server, struct plug_err *err)
{
  const struct settings *settings = server->settings;
  message_set_node(settings->node);
  message_set_ids(unix_now_ms());
  reload_set_process(settings);
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
  server->addresses = addresses_new(settings->max_address_connections, settings->max_address_rate);
  if (!server->addresses && status == PLUG_OK)
    status = fault_no_memory(err);
  server->reload.now =
      (struct generation){.config = server->config,
                          .settings = settings,
                          .destinations = server->destinations,
                          .api_keys = settings->n_api_keys ? server->api_keys : NULL,
                          .access = server->access,
                          .app = server->app};
  for (unsigned i = 0; i < settings->workers && status == PLUG_OK; i++) {
    server->n_initialised++;
    status =
        worker_init(&server->workers[i], i, &server->reload.now, server->broker, server->interests,
                    &server->pages, server->sockjs, &server->n_sockets, server->addresses, err);
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
  size_t n_instances = 1 + (server->access ? access_n_instances(server->access) : 0) +
                       (server->app ? app_n_instances(server->app) : 0);
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

static plug_status prepare_tls(void *ctx, const struct settings *settings, struct plug_err *err)
{
  return tls_contexts_prepare(ctx, &settings->tls, err);
}

static void commit_tls(void *ctx, struct config_changes *changes)
{
  (void)changes;
  tls_contexts_commit(ctx);
}

static void cancel_tls(void *ctx)
{
  tls_contexts_cancel(ctx);
}

/* All that is the main thread's own goes by the settings that hold now. True: statistics are wanted
 * otherwise. */
static bool read_again(struct server *server, struct order *order)
{
  uint64_t stats_ms = server->settings->stats_interval_ms;
  bool spring = server->settings->stats_spring;
  struct buf answer = {0};
  notify_reloading();
  plug_status status = reload_run(&server->reload, &answer);
  server->config = server->reload.now.config;
  server->settings = server->reload.now.settings;
  server->access = server->reload.now.access;
  server->app = server->reload.now.app;
  notify_ready();
  orders_answer(order, status, answer.failed ? "out of memory" : answer.data);
  buf_free(&answer);
  return stats_ms != server->settings->stats_interval_ms ||
         spring != server->settings->stats_spring;
}

static void wait_for_end(struct server *server)
{
  struct stats_rhythm stats;
  stats_rhythm_init(&stats, server->settings, clock_now_ms());
  for (;;) {
    uint64_t wait_ms = stats_rhythm_wait_ms(&stats, clock_now_ms());
    if (reload_tend(&server->reload) && wait_ms > RELOAD_LOOK_MS)
      wait_ms = RELOAD_LOOK_MS;
    struct order *order = orders_wait(&server->orders, wait_ms);
    if (!order) {
      if (!stats_rhythm_wait_ms(&stats, clock_now_ms())) {
        stats_tell(&server->sources, server->settings);
        stats_rhythm_next(&stats, clock_now_ms());
      }
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
      if (read_again(server, order))
        stats_rhythm_init(&stats, server->settings, clock_now_ms());
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
static void complain_of_part(struct config_complaints *complaints, const struct config *config,
                             const struct plug_err *err)
{
  static const char follows[] = " (this may follow from a mistake named above)";
  struct plug_err told = *err;
  if (config_fault_follows(config))
    snprintf(told.text, sizeof told.text, "%.*s%s",
             (int)utf8_cut(err->text, strlen(err->text), sizeof told.text - sizeof follows),
             err->text, follows);
  config_complain(complaints, &told);
}

/* Mistakes are taken out of the configuration, and their part of the server is tried again; a part
 * that fails for another reason is named once, and left out from there on. */
static void find_mistakes(struct config *config, const struct settings *settings,
                          struct config_complaints *complaints)
{
  static plug_status (*const parts[])(struct server *, struct plug_err *) = {
      create_broker, create_access, check_rules,      create_presence,
      create_app,    create_tls,    check_broker_auth};
  enum { PARTS = sizeof parts / sizeof *parts };
  bool failed[PARTS] = {false};
  size_t before;
  plug_status status;
  do {
    struct server server;
    struct plug_err err = {0};
    before = complaints->n;
    status = server_init(&server, config, settings, &err);
    if (status != PLUG_OK)
      config_complain(complaints, &err);
    for (size_t i = 0; i < PARTS && status == PLUG_OK; i++) {
      if (failed[i] || (parts[i] == check_rules && !failed[1]) ||
          (parts[i] == create_presence && failed[0]) ||
          (parts[i] == check_broker_auth && (failed[0] || failed[1])))
        continue;
      (void)fault_take_place(); /* what plugins say has none */
      err = (struct plug_err){0};
      if (parts[i](&server, &err) == PLUG_OK)
        continue;
      complain_of_part(complaints, config, &err);
      failed[i] = !config_forget_fault(config, is_read_later);
      break;
    }
    server_fini(&server);
  } while (status == PLUG_OK && complaints->n > before);
}

static void say(void *ctx, const struct plug_err *err)
{
  (void)ctx;
  text_complain(err->text);
}

int server_check(struct config *config, const struct settings *settings)
{
  struct config_complaints complaints = {.complain = say};
  struct server server = {.settings = settings};
  struct plug_err err = {0};
  if (make_pages(&server, &err) != PLUG_OK)
    config_complain(&complaints, &err);
  mounts_fini(&server.mounts);
  pages_fini(&server.admin_pages);
  pages_fini(&server.pages);
  find_mistakes(config, settings, &complaints);
  return complaints.n == 0 ? EXIT_SUCCESS : EXIT_CONFIG;
}

int server_explain(const struct config *config, const struct settings *settings,
                   const char *const *words, size_t n_words)
{
  struct server server;
  struct plug_err err = {0};
  struct rules rules = {0};
  struct buf out = {0};
  plug_status status = server_init(&server, config, settings, &err);
  struct rules_world world = generation_world(settings, server.destinations);
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

int server_run(const struct config_source *source, const struct config *config,
               const struct settings *settings)
{
  return server_run_services(source, config, settings, NULL);
}

int server_run_services(const struct config_source *source, const struct config *config,
                        const struct settings *settings, const struct service *const *services)
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
  if (status == PLUG_OK)
    status = make_pages(&server, &err);
  if (status == PLUG_OK && !orders_init(&server.orders, &signals)) {
    snprintf(err.text, sizeof err.text, "no file descriptors are left");
    status = PLUG_ENOMEM;
  }
  if (status == PLUG_OK)
    status = start_all(&server, &err);
  if (status == PLUG_OK) {
    log_info("core", "ready: node %s, %u worker%s, broker %s", settings->node, settings->workers,
             settings->workers == 1 ? "" : "s", settings->broker_plugin);
    server.reload.source = source;
    server.reload.workers = server.workers;
    server.reload.n_workers = server.n_running;
    server.reload.addresses = server.addresses;
    server.reload.sockjs = server.sockjs;
    server.reload.api = server.api;
    server.reload.loop = server.loop;
    server.reload.extension = server.presence ? presence_extension(server.presence) : NULL;
    server.reload.check = find_mistakes;
    server.parts[0] = admin_reload_part(server.admin);
    server.reload.parts = server.parts;
    server.reload.n_parts = 1;
    if (server.tls)
      server.parts[server.reload.n_parts++] =
          (struct reload_part){prepare_tls, commit_tls, cancel_tls, server.tls};
    server.reload.tls = server.tls != NULL;
    server.reload.sources = &server.sources;
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
  server.config = config; /* those of a reload go with it */
  server.settings = settings;
  server_fini(&server);
  watchdog_stop();
  if (status == PLUG_OK)
    return 0;
  return status == PLUG_EINVAL ? EXIT_CONFIG : EXIT_FAILURE;
}
