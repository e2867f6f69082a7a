#include "access/access.h"

#include <inttypes.h>
#include <stdlib.h>

#include <plugboard/ext/auth.h>

#include "access/workers.h"
#include "base/log.h"
#include "config/fault.h"

/* The plugins, which one access passes on to the next. */
struct access_plugins {
  struct chain chain;
  struct access_workers *workers;
  struct access_link *links; /* one per instance of the chain */
  unsigned refs;             /* accesses */
  bool started;
  /* Without references, while sessions have identities of theirs, and beyond that until whatever
   * they have told the workers is known to have come there. */
  struct list link; /* in access_workers.former */
  bool stopped, settled;
  bool ended; /* its sessions were told to go */
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
  list_init(&plugins->link);
  plugins->refs = 1;
  plugins->workers = access->workers;
  access->plugins = plugins;
  plug_status status = chain_create(&plugins->chain, &access->settings.chain, config, loop, err);
  return status == PLUG_OK ? link_instances(plugins, err) : status;
}

static void plugins_free(struct access_plugins *plugins)
{
  list_remove(&plugins->link);
  chain_free(&plugins->chain);
  free(plugins->links);
  free(plugins);
}

static void plugins_unref(struct access_plugins *plugins)
{
  if (!plugins || --plugins->refs)
    return;
  if (plugins->started || plugins->stopped)
    list_append(&plugins->workers->former, &plugins->link);
  else
    plugins_free(plugins);
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
  if (!former)
    list_init(&workers->former);
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
                              const struct config *config, struct loop *new_plugins,
                              struct plug_err *err)
{
  struct access *access = make(settings, former, err);
  plug_status status = PLUG_OK;
  if (!access)
    return NULL;
  if (new_plugins) {
    status = create_plugins(access, config, new_plugins, err);
  } else {
    access->plugins = former->plugins;
    access->plugins->refs++;
  }
  if (status == PLUG_OK)
    status =
        rules_load(&access->rules, config_find(config, "access"), &access->settings.world, err);
  if (status == PLUG_OK && new_plugins)
    status = access_start(access, err);
  if (status == PLUG_OK)
    return access;
  if (new_plugins && access->plugins)
    access_abandon(access);
  access_free(access);
  return NULL;
}

plug_status access_start(struct access *access, struct plug_err *err)
{
  access->plugins->started = true;
  return chain_start(&access->plugins->chain, err);
}

static void plugins_stop(struct access_plugins *plugins)
{
  if (plugins->started)
    chain_stop(&plugins->chain);
  plugins->started = false;
  plugins->stopped = true;
}

void access_abandon(struct access *access)
{
  chain_drain(&access->plugins->chain);
  plugins_stop(access->plugins);
}

static struct access_plugins *former_at(struct list *node)
{
  return container_of(node, struct access_plugins, link);
}

void access_drain(struct access *access)
{
  struct list *head = &access->workers->former;
  for (struct list *node = head->next; node != head; node = node->next)
    if (!former_at(node)->stopped)
      chain_drain(&former_at(node)->chain);
  if (access->plugins)
    chain_drain(&access->plugins->chain);
}

void access_stop(struct access *access)
{
  struct list *head = &access->workers->former;
  for (struct list *node = head->next; node != head; node = node->next)
    plugins_stop(former_at(node));
  if (access->plugins)
    plugins_stop(access->plugins);
}

/* --- plugins that were replaced ----------------------------------------------------------- */

/* Again and again: a login that is under way may still let one in. */
static void let_sessions_go(struct access_plugins *plugins, uint64_t max)
{
  if (!plugins->ended)
    log_warn("auth",
             "sessions that were let in more than %" PRIu64 " generations of plugins ago are ended",
             max);
  plugins->ended = true;
  for (size_t i = 0; i < plugins->chain.n; i++) {
    struct notice notice = {.instance = plugins->chain.instances[i],
                            .all = true,
                            .revoke = true,
                            .reason = STR("the configuration has changed: sign in again")};
    (void)workers_notify(plugins->workers, &notice);
  }
}

bool access_tend(struct access *access)
{
  struct list *head = &access->workers->former, *next;
  uint64_t n = 0;
  for (struct list *node = head->prev; node != head; node = next) { /* the youngest first */
    struct access_plugins *plugins = former_at(node);
    next = node->prev;
    if (plugins->stopped)
      continue;
    if (chain_is_idle(&plugins->chain)) {
      chain_drain(&plugins->chain);
      plugins_stop(plugins);
      log_info("auth", "the plugins of a former configuration have stopped");
    } else if (++n > access->settings.max_former) {
      let_sessions_go(plugins, access->settings.max_former);
    }
  }
  return n > 0;
}

void access_settle(struct access *access, bool done)
{
  struct list *head = &access->workers->former, *next;
  for (struct list *node = head->next; node != head; node = next) {
    struct access_plugins *plugins = former_at(node);
    next = node->next;
    if (!done)
      plugins->settled = plugins->stopped;
    else if (plugins->settled)
      plugins_free(plugins);
  }
}

void access_free(struct access *access)
{
  if (!access)
    return;
  plugins_unref(access->plugins);
  rules_fini(&access->rules);
  if (--access->workers->refs == 0) {
    struct list *node;
    while ((node = list_first(&access->workers->former)))
      plugins_free(former_at(node));
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

size_t access_n_instances(const struct access *access)
{
  size_t n = access->plugins->chain.n;
  struct list *head = &access->workers->former;
  for (struct list *node = head->next; node != head; node = node->next)
    n += former_at(node)->stopped ? 0 : former_at(node)->chain.n;
  return n;
}

const struct chain *access_chain(const struct access *access)
{
  return &access->plugins->chain;
}

struct chain *access_own_chain(struct access *access)
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
