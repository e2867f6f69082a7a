#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/block.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/broker_section.h"
#include "config/fault.h"
#include "net/api_service.h"
#include "net/page_facts.h"
#include "ops/admin_page.h"
#include "ops/broker_image.h"
#include "server_inner.h"

plug_status server_create_broker(struct server *server, struct plug_err *err)
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
  struct plugin_image *image = broker_image_load(settings, settings->broker_plugin, err);
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

plug_status server_create_presence(struct server *server, struct plug_err *err)
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

plug_status server_create_access(struct server *server, struct plug_err *err)
{
  struct access_settings as = generation_access(server->settings, server->destinations);
  bool wanted;
  server->access = access_new(&as, server->config, server->loop, &wanted, err);
  return server->access || !wanted ? PLUG_OK : PLUG_EINVAL;
}

/* A plugin that is both is asked who clients are only where [auth] names it, too. Whoever has put
 * it into [broker] alone believes that it guards the node. */
plug_status server_check_auth(struct server *server, struct plug_err *err)
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
plug_status server_give_access(struct server *server, unsigned i, struct plug_err *err)
{
  struct worker *worker = &server->workers[i];
  struct session_env *env = &worker->env.session;
  if (!server->access)
    return PLUG_OK;
  env->access = access_worker_new(server->access, i, &worker->inbox, &admission_events);
  server->access_workers[i] = env->access;
  return env->access ? PLUG_OK : fault_no_memory(err);
}

plug_status server_create_app(struct server *server, struct plug_err *err)
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

plug_status server_create_api(struct server *server, struct plug_err *err)
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

plug_status server_create_tls(struct server *server, struct plug_err *err)
{
  if (!server->settings->tls.n_certificates)
    return PLUG_OK;
  server->tls = tls_contexts_new(&server->settings->tls, err);
  return server->tls ? PLUG_OK : PLUG_EINVAL;
}

plug_status server_create_admin(struct server *server, struct plug_err *err)
{
  const struct admin_parts parts = {
      .settings = server->settings, .orders = &server->orders, .swap = &server->swap};
  server->admin = admin_new(&parts);
  bool well = server->admin && admin_mount(server->admin, &server->mounts);
  return well ? PLUG_OK : fault_no_memory(err);
}

/* Lets worker i talk to applications, and know users by name. */
plug_status server_give_app(struct server *server, unsigned i, struct plug_err *err)
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

plug_status server_init(struct server *server, const struct config *config,
                        const struct settings *settings, struct plug_err *err)
{
  *server = (struct server){
      .config = config, .settings = settings, .orders = {.signal_fd = -1, .event_fd = -1}};
  swap_init(&server->swap);
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

plug_status server_make_pages(struct server *server, struct plug_err *err)
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

void server_fini(struct server *server)
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
  for (unsigned i = 0; i < server->n_initialised; i++)
    worker_close(&server->workers[i]);
  interest_table_free(server->interests);
  sockjs_registry_free(server->sockjs);
  doors_remove_paths(&server->doors);
  mounts_fini(&server->mounts);
  pages_fini(&server->pages);
  pages_fini(&server->admin_pages);
  addresses_free(server->addresses);
  free(server->workers);
  free(server->destinations);
  swap_fini(&server->swap);
  block_drop_cache();
}

/* What operators look at; everything it names has been made. */
plug_status server_create_ops(struct server *server, struct plug_err *err)
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
                           .leaving = &server->leaving,
                           .started_ms = clock_now_ms()};
  monitor_init(&server->monitor, &server->sources);
  server->health = (struct health_mounts){.sources = &server->sources,
                                          .monitor = &server->monitor,
                                          .operators = admin_operators(server->admin)};
  return health_mount(&server->health, &server->mounts) ? PLUG_OK : fault_no_memory(err);
}
