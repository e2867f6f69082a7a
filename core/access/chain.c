#include "access/chain.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/fault.h"
#include "plugin/border.h"

#define CREDENTIALS_MAX 32 /* names of one plugin: more are a slip of the plugin's */

void chain_section_name(const char *kind, const char *plugin, char *out, size_t size)
{
  const char *slash = strrchr(plugin, '/');
  if (slash)
    plugin = slash + 1;
  size_t kind_len = strlen(kind);
  if (strncmp(plugin, kind, kind_len) == 0 && plugin[kind_len] == '-')
    plugin += kind_len + 1;
  size_t len = strlen(plugin);
  if (len > 3 && strcmp(plugin + len - 3, ".so") == 0)
    len -= 3;
  snprintf(out, size, "%s.%.*s", kind, (int)len, plugin);
}

/* A section of a plugin that is there and not chosen may wait for its day; one of a plugin that is
 * not even there is a slip. */
static bool is_kind(const char *section, const char *kind)
{
  size_t len = strlen(kind);
  return strncmp(section, kind, len) == 0 && section[len] == '.';
}

static plug_status check_unused_sections(const struct chain_settings *settings,
                                         const struct config *config, struct plug_err *err)
{
  const struct list *head = &config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    if (!is_kind(section->name, settings->kind))
      continue;
    bool used = false;
    size_t len = settings->named ? strcspn(section->name, " ") : strlen(section->name);
    for (size_t i = 0; i < settings->n_plugins && !used; i++) {
      char name[128];
      chain_section_name(settings->kind, settings->plugins[i].ptr, name, sizeof name);
      used = str_eq(str_of(name), str_from(section->name, len));
    }
    char path[PATH_MAX];
    size_t kind_len = strlen(settings->kind) + 1;
    const char *name = section->name + kind_len;
    int n = snprintf(path, sizeof path, "%s/%s-%.*s.so", settings->plugin_dir, settings->kind,
                     (int)(len - kind_len), name);
    if (used || (n > 0 && (size_t)n < sizeof path && !strchr(name, '/') && !access(path, F_OK)))
      continue;
    return fault_at(err, section->file, section->line,
                    "unknown section [%s]: [%s] plugins does not name it, and there is no such "
                    "plugin",
                    section->name, settings->kind);
  }
  return PLUG_OK;
}

static plug_status add_credentials(struct chain *chain, const struct plugin_instance *instance,
                                   struct plug_err *err)
{
  const struct plug_auth *auth = instance_auth(instance);
  struct plug_credentials theirs = {.size = sizeof theirs};
  struct chain_credentials *mine = &chain->credentials;
  if (!auth || !auth->credentials)
    return PLUG_OK;
  auth->credentials(instance_self(instance), &theirs);
  /* Without them a secret would be shown to applications. */
  if (!border_are_texts(theirs.headers, theirs.n_headers))
    return fault_at(err, NULL, 0, "[%s] credentials: %s", instance_name(instance), BORDER_GARBAGE);
  size_t n = theirs.n_headers < CREDENTIALS_MAX ? theirs.n_headers : CREDENTIALS_MAX;
  struct plug_str *headers =
      realloc(mine->headers, (mine->n_headers + n + 1) * sizeof *mine->headers);
  if (!headers)
    return fault_no_memory(err);
  mine->headers = headers;
  for (size_t i = 0; i < n; i++)
    if (theirs.headers[i].len)
      headers[mine->n_headers++] = theirs.headers[i];
  if (theirs.max_bytes > mine->max_bytes)
    mine->max_bytes = theirs.max_bytes;
  return PLUG_OK;
}

struct former {
  const struct chain *chain; /* NULL: there is none */
  bool (*renew)(void *ctx, const char *name);
  void *ctx;
};

static struct plugin_instance *find_former(const struct former *former, const char *name)
{
  for (size_t i = 0; former->chain && i < former->chain->n; i++)
    if (strcmp(instance_name(former->chain->instances[i]), name) == 0)
      return former->renew(former->ctx, name) ? NULL : former->chain->instances[i];
  return NULL;
}

static plug_status create_one(struct chain *chain, const struct chain_settings *settings,
                              const char *plugin, const struct config *config,
                              const struct former *former, struct plug_err *err)
{
  char section[128];
  struct plug_err said = {0};
  chain_section_name(settings->kind, plugin, section, sizeof section);
  for (size_t i = 0; i < chain->n; i++)
    if (strcmp(instance_name(chain->instances[i]), section) == 0)
      return fault_at(err, settings->file, settings->line,
                      "[%s] plugins: two plugins would read the section [%s]", settings->kind,
                      section);
  struct plugin_instance *instance = find_former(former, section);
  if (instance) {
    chain->foreign[chain->n] = true;
    chain->instances[chain->n++] = instance;
    return PLUG_OK;
  }
  struct plugin_image *image = image_load(settings->plugin_dir, settings->kind, plugin, &said);
  if (!image)
    return fault_at(err, settings->file, settings->line, "%s", said.text);
  instance =
      settings->named
          ? instance_create_named(image, chain->loop, section, config, settings->extension, err)
          : instance_create(image, chain->loop, section, config_find(config, section), NULL, err);
  if (!instance)
    return PLUG_EINVAL;
  if (settings->own_homes)
    instance_want_own_home(instance);
  chain->instances[chain->n++] = instance;
  return add_credentials(chain, instance, err);
}

static plug_status create_all(struct chain *chain, const struct chain_settings *settings,
                              const struct config *config, struct loop *loop,
                              const struct former *former, struct plug_err *err)
{
  *chain = (struct chain){.loop = loop};
  atomic_init(&chain->n_users, 0);
  plug_status status = check_unused_sections(settings, config, err);
  if (status != PLUG_OK)
    return status;
  chain->instances = calloc(settings->n_plugins + 1, sizeof(struct plugin_instance *));
  chain->foreign = calloc(settings->n_plugins + 1, sizeof *chain->foreign);
  if (!chain->instances || !chain->foreign)
    return fault_no_memory(err);
  for (size_t i = 0; i < settings->n_plugins && status == PLUG_OK; i++)
    status = create_one(chain, settings, settings->plugins[i].ptr, config, former, err);
  return status;
}

plug_status chain_create(struct chain *chain, const struct chain_settings *settings,
                         const struct config *config, struct loop *loop, struct plug_err *err)
{
  return create_all(chain, settings, config, loop, &(struct former){0}, err);
}

plug_status chain_create_next(struct chain *chain, const struct chain_settings *settings,
                              const struct config *config, const struct chain *former,
                              bool (*renew)(void *ctx, const char *name), void *ctx,
                              struct plug_err *err)
{
  const struct former all = {former, renew, ctx};
  return create_all(chain, settings, config, former->loop, &all, err);
}

void chain_pass_on(struct chain *chain, struct chain *next)
{
  for (size_t i = 0; i < chain->n; i++)
    for (size_t k = 0; k < next->n; k++)
      if (chain->instances[i] == next->instances[k]) {
        chain->foreign[i] = true;
        next->foreign[k] = false;
      }
}

plug_status chain_start(struct chain *chain, struct plug_err *err)
{
  plug_status status = PLUG_OK;
  for (size_t i = 0; i < chain->n && status == PLUG_OK; i++)
    if (!chain->foreign[i])
      status = instance_start(chain->instances[i], err);
  return status;
}

/* How long a home is waited for that does not hang, as far as one knows. */
#define SETTLE_MS 5000

static void nothing(void *arg) PLUG_NOEXCEPT
{
  (void)arg;
}

void chain_settle(struct chain *chain, uint64_t deadline_ms)
{
  struct loop *last = NULL; /* they may all have the same */
  for (size_t i = 0; i < chain->n; i++) {
    if (chain->foreign[i]) /* may be gone already */
      continue;
    struct loop *loop = instance_loop(chain->instances[i]);
    uint64_t now_ms = clock_now_ms();
    if (loop && loop != last)
      loop_call_within(loop, nothing, NULL,
                       loop_hangs(loop) || now_ms > deadline_ms ? 0 : deadline_ms - now_ms);
    last = loop;
  }
}

void chain_drain(struct chain *chain)
{
  for (size_t i = 0; i < chain->n; i++)
    if (!chain->foreign[i] && instance_state(chain->instances[i]) == INSTANCE_RUNNING)
      instance_drain(chain->instances[i]);
  chain_settle(chain, clock_now_ms() + SETTLE_MS);
}

void chain_stop(struct chain *chain)
{
  chain_settle(chain, clock_now_ms() + SETTLE_MS);
  for (size_t i = 0; i < chain->n; i++)
    if (!chain->foreign[i])
      instance_stop(chain->instances[i]);
}

bool chain_is_idle(const struct chain *chain)
{
  bool idle = atomic_load_explicit(&chain->n_users, memory_order_acquire) == 0;
  for (size_t i = 0; i < chain->n; i++)
    idle = idle && (chain->foreign[i] || !instance_is_held(chain->instances[i]));
  return idle;
}

void chain_free(struct chain *chain)
{
  for (size_t i = 0; i < chain->n; i++)
    if (!chain->foreign[i])
      instance_destroy(chain->instances[i]);
  free(chain->instances);
  free(chain->foreign);
  free(chain->credentials.headers);
  *chain = (struct chain){0};
}
