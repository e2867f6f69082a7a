#include "access/access.h"

#include <stdlib.h>

#include <plugboard/ext/auth.h>

#include "access/workers.h"
#include "config/fault.h"

/* The plugins, which one access passes on to the next. */
struct access_plugins {
  struct chain chain;
  struct access_workers *workers;
  struct access_link *links; /* one per instance of the chain */
  unsigned refs;             /* accesses */
  bool started;
};

struct access {
  struct access_settings settings;
  struct access_plugins *plugins;
  struct access_workers *workers;
  struct rules rules;
};

/* What an instance's calls of "plug.host.auth/1" come with. */
struct access_link {
  struct access_workers *workers;
  struct plugin_instance *instance;
};

static plug_status on_invalidate(void *ctx, struct plug_str user, uint64_t session, uint32_t flags,
                                 struct plug_str reason)
{
  const struct access_link *link = ctx;
  struct notice notice = {.instance = link->instance,
                          .user = user,
                          .session = session,
                          .revoke = flags == PLUG_INVALIDATE_CLOSE,
                          .reason = reason};
  return workers_notify(link->workers, &notice);
}

static plug_status on_update(void *ctx, const struct plug_identity *who)
{
  const struct access_link *link = ctx;
  struct plug_identity mine = {0};
  memcpy(&mine, who, who->size < sizeof mine ? who->size : sizeof mine);
  if (identity_fault(&mine))
    return PLUG_EINVAL;
  struct notice notice = {.instance = link->instance, .user = mine.user, .who = &mine};
  return workers_notify(link->workers, &notice);
}

static plug_status link_instances(struct access_plugins *plugins, struct plug_err *err)
{
  plugins->links = calloc(plugins->chain.n + 1, sizeof *plugins->links);
  if (!plugins->links)
    return fault_no_memory(err);
  for (size_t i = 0; i < plugins->chain.n; i++) {
    plugins->links[i] = (struct access_link){plugins->workers, plugins->chain.instances[i]};
    struct instance_auth_up up = {on_invalidate, on_update, &plugins->links[i]};
    instance_set_auth_up(plugins->chain.instances[i], &up);
  }
  return PLUG_OK;
}

static plug_status create_plugins(struct access *access, const struct config *config,
                                  struct loop *loop, struct plug_err *err)
{
  struct access_plugins *plugins = calloc(1, sizeof *plugins);
  if (!plugins)
    return fault_no_memory(err);
  plugins->refs = 1;
  plugins->workers = access->workers;
  access->plugins = plugins;
  plug_status status = chain_create(&plugins->chain, &access->settings.chain, config, loop, err);
  return status == PLUG_OK ? link_instances(plugins, err) : status;
}

static void plugins_unref(struct access_plugins *plugins)
{
  if (!plugins || --plugins->refs)
    return;
  chain_free(&plugins->chain);
  free(plugins->links);
  free(plugins);
}

static struct access *make(const struct access_settings *settings, const struct access *former,
                           struct plug_err *err)
{
  struct access *access = calloc(1, sizeof *access);
  struct access_workers *workers = former ? former->workers : calloc(1, sizeof *workers);
  if (!access || !workers) {
    free(access);
    if (!former)
      free(workers);
    fault_no_memory(err);
    return NULL;
  }
  workers->refs++;
  access->workers = workers;
  access->settings = *settings;
  access->settings.chain.kind = "auth";
  access->settings.world.authenticates = settings->chain.n_plugins > 0;
  return access;
}

struct access *access_new(const struct access_settings *settings, const struct config *config,
                          struct loop *loop, bool *wanted, struct plug_err *err)
{
  const struct config_section *section = config_find(config, "access");
  struct access *access = make(settings, NULL, err);
  *wanted = true;
  if (!access)
    return NULL;
  plug_status status = create_plugins(access, config, loop, err);
  if (status == PLUG_OK)
    status = rules_load(&access->rules, section, &access->settings.world, err);
  if (status == PLUG_OK && (section || settings->chain.n_plugins))
    return access;
  *wanted = status != PLUG_OK;
  access_free(access);
  return NULL;
}

struct access *access_renewed(const struct access *former, const struct access_settings *settings,
                              const struct config *config, struct plug_err *err)
{
  struct access *access = make(settings, former, err);
  if (!access)
    return NULL;
  access->plugins = former->plugins;
  access->plugins->refs++;
  if (rules_load(&access->rules, config_find(config, "access"), &access->settings.world, err) ==
      PLUG_OK)
    return access;
  access_free(access);
  return NULL;
}

plug_status access_start(struct access *access, struct plug_err *err)
{
  access->plugins->started = true;
  return chain_start(&access->plugins->chain, err);
}

void access_drain(struct access *access)
{
  chain_drain(&access->plugins->chain);
}

void access_stop(struct access *access)
{
  if (access->plugins->started)
    chain_stop(&access->plugins->chain);
  access->plugins->started = false;
}

void access_free(struct access *access)
{
  if (!access)
    return;
  plugins_unref(access->plugins);
  rules_fini(&access->rules);
  if (--access->workers->refs == 0) {
    workers_fini(access->workers);
    free(access->workers);
  }
  free(access);
}

const struct rules *access_rules(const struct access *access)
{
  return &access->rules;
}

const struct access_settings *access_settings_of(const struct access *access)
{
  return &access->settings;
}

const struct chain *access_chain(const struct access *access)
{
  return &access->plugins->chain;
}

struct access_workers *access_workers_of(struct access *access)
{
  return access->workers;
}

struct access_worker *access_worker_new(struct access *access, unsigned index, struct inbox *inbox,
                                        const struct access_events *events)
{
  return workers_add(access->workers, access, index, inbox, events);
}
