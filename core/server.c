#include "server.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/day.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "config/fault.h"
#include "message/message.h"
#include "ops/drain.h"
#include "ops/notify.h"
#include "ops/stats.h"
#include "plugin/watchdog.h"
#include "server_inner.h"

/* drain and stop of one instance take five seconds each at most, and somewhat more until that is
 * noticed. */
#define INSTANCE_STOP_MS  15000
#define STOP_GRACE_MS     2000
/* For the members of this node to leave; what is left goes as it does with a node that has died. */
#define PRESENCE_LEAVE_MS 2000
/* How often is looked whether what a reload has replaced is needed any more. */
#define RELOAD_LOOK_MS    1000

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
  message_set_ids(day_now_ms());
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
  plug_status status = server_create_broker(server, err);
  if (status == PLUG_OK)
    status = server_create_presence(server, err);
  if (status == PLUG_OK)
    status = server_create_access(server, err);
  if (status == PLUG_OK)
    status = server_create_app(server, err);
  if (status == PLUG_OK)
    status = server_create_api(server, err);
  if (status == PLUG_OK)
    status = server_create_admin(server, err);
  if (status == PLUG_OK)
    status = server_create_tls(server, err);
  if (status == PLUG_OK)
    status = server_check_auth(server, err);
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
      status = server_give_access(server, i, err);
    if (status == PLUG_OK)
      status = server_give_app(server, i, err);
  }
  if (status == PLUG_OK)
    status = server_create_ops(server, err);
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

/* What a stop may take when every part takes all of its time; with a plugin that hangs already
 * where others depend on it, only what sessions need to end. */
static uint64_t stop_limit_ms(const struct server *server)
{
  size_t n_instances = 1 + (server->access ? access_n_instances(server->access) : 0) +
                       (server->app ? app_n_instances(server->app) : 0);
  uint64_t sessions_ms = server->settings->drain_ms + STOP_GRACE_MS + PRESENCE_LEAVE_MS;
  return watchdog_core_hangs() ? sessions_ms : sessions_ms + n_instances * INSTANCE_STOP_MS;
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
  watchdog_tell_nobody(); /* it wakes workers */
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
  server_follow_reload(server);
  notify_ready();
  if (status == PLUG_OK && !answer.failed && (server->reload.broker || server->broker_owed))
    server_swap_reloaded(server, order, answer.data);
  else
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
    uint64_t swap_ms = swap_tend(&server->swap);
    if (wait_ms > swap_ms)
      wait_ms = swap_ms;
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
      swap_stop(&server->swap);
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
    case ORDER_SWAP:
      server_swap(server, order);
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
    status = server_make_pages(&server, &err);
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
    server.reload.check = server_find_mistakes;
    server.parts[0] = admin_reload_part(server.admin);
    server.reload.parts = server.parts;
    server.reload.n_parts = 1;
    if (server.tls)
      server.parts[server.reload.n_parts++] =
          (struct reload_part){prepare_tls, commit_tls, cancel_tls, server.tls};
    server.reload.tls = server.tls != NULL;
    server.reload.sources = &server.sources;
    server.swap.broker = server.broker;
    server.swap.workers = server.workers;
    server.swap.n_workers = server.n_running;
    server.swap.loop = server.loop;
    server.swap.monitor = &server.monitor;
    server.swap.presence = server.presence;
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
