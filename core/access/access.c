#include "access/access.h"

#include <stdlib.h>

#include <plugboard/ext/auth.h>

#include "access/workers.h"
#include "config/fault.h"

struct access {
  struct access_settings settings;
  struct chain chain;
  struct rules rules;
  struct access_workers workers;
  struct access_link *links; /* one per instance of the chain */
  bool created, started;
};

/* What an instance's calls of "plug.host.auth/1" come with. */
struct access_link {
  struct access *access;
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
  return workers_notify(&link->access->workers, &notice);
}

static plug_status on_update(void *ctx, const struct plug_identity *who)
{
  const struct access_link *link = ctx;
  struct plug_identity mine = {0};
  memcpy(&mine, who, who->size < sizeof mine ? who->size : sizeof mine);
  if (identity_fault(&mine))
    return PLUG_EINVAL;
  struct notice notice = {.instance = link->instance, .user = mine.user, .who = &mine};
  return workers_notify(&link->access->workers, &notice);
}

static plug_status link_instances(struct access *access, struct plug_err *err)
{
  access->links = calloc(access->chain.n + 1, sizeof *access->links);
  if (!access->links)
    return fault_no_memory(err);
  for (size_t i = 0; i < access->chain.n; i++) {
    access->links[i] = (struct access_link){access, access->chain.instances[i]};
    struct instance_auth_up up = {on_invalidate, on_update, &access->links[i]};
    instance_set_auth_up(access->chain.instances[i], &up);
  }
  return PLUG_OK;
}

struct access *access_new(const struct access_settings *settings, const struct config *config,
                          struct loop *loop, bool *wanted, struct plug_err *err)
{
  const struct config_section *section = config_find(config, "access");
  struct access *access = calloc(1, sizeof *access);
  *wanted = true;
  if (!access) {
    fault_no_memory(err);
    return NULL;
  }
  access->settings = *settings;
  access->settings.world.authenticates = settings->chain.n_plugins > 0;
  plug_status status = chain_create(&access->chain, &settings->chain, config, loop, err);
  if (status == PLUG_OK)
    status = rules_load(&access->rules, section, &access->settings.world, err);
  if (status == PLUG_OK)
    status = link_instances(access, err);
  if (status == PLUG_OK && (section || settings->chain.n_plugins))
    return access;
  *wanted = status != PLUG_OK;
  access_free(access);
  return NULL;
}

plug_status access_start(struct access *access, struct plug_err *err)
{
  access->started = true;
  return chain_start(&access->chain, err);
}

void access_drain(struct access *access)
{
  chain_drain(&access->chain);
}

void access_stop(struct access *access)
{
  if (access->started)
    chain_stop(&access->chain);
  access->started = false;
}

void access_free(struct access *access)
{
  if (!access)
    return;
  chain_free(&access->chain);
  rules_fini(&access->rules);
  workers_fini(&access->workers);
  free(access->links);
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
  return &access->chain;
}

struct access_workers *access_workers_of(struct access *access)
{
  return &access->workers;
}

struct access_worker *access_worker_new(struct access *access, unsigned index, struct inbox *inbox,
                                        const struct access_events *events)
{
  return workers_add(&access->workers, access, index, inbox, events);
}
