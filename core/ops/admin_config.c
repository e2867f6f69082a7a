/* GET /admin/api/config: what holds, by sections and keys, with stars for what no log shows. */
#include <stdlib.h>

#include "base/str.h"
#include "config/option.h"
#include "config/settings_tables.h"
#include "ops/admin_inner.h"

#include "net/generation.h"

#define HIDDEN "***"

static bool is_secret(const struct option_table *table, const char *key)
{
  for (size_t i = 0; table && i < table->n; i++)
    if (strcmp(table->options[i].name, key) == 0)
      return table->options[i].type == PLUG_OPT_SECRET;
  return true; /* nobody knows what it is */
}

/* "redis://user:password@host": whoever writes a password there does not mean it to be shown. */
static json_t *shown(const char *value)
{
  const char *scheme = strstr(value, "://"), *at = scheme ? strchr(scheme, '@') : NULL;
  return at ? json_string(HIDDEN) : admin_string(str_of(value));
}

static void put_value(json_t *section, const struct option_table *table, const char *key,
                      const char *value)
{
  (void)json_object_set_new(section, key,
                            is_secret(table, key) && *value ? json_string(HIDDEN) : shown(value));
}

static json_t *section_of(json_t *sections, const char *name)
{
  json_t *section = json_object_get(sections, name);
  if (!section) {
    (void)json_object_set_new(sections, name, json_object());
    section = json_object_get(sections, name);
  }
  return section;
}

static void put_defaults(json_t *sections, const char *name, const struct option_table *table)
{
  json_t *section = section_of(sections, name);
  for (size_t i = 0; i < table->n; i++)
    if (table->options[i].def)
      put_value(section, table, table->options[i].name, table->options[i].def);
}

static void put_written(json_t *sections, const struct config_section *section,
                        const struct option_table *table)
{
  json_t *out = section_of(sections, section->name);
  const struct list *head = &section->entries;
  for (const struct list *at = head->next; at != head; at = at->next) {
    const struct config_entry *entry = container_of(at, struct config_entry, link);
    put_value(out, table, entry->key, entry->value);
  }
}

/* A plugin's, by the instance of that name ("broker.redis"). */
static struct plugin_instance *instance_named(const struct net_env *env, const char *name)
{
  const struct net_chains now = generation_chains(env);
  const struct chain *const chains[] = {now.access, now.app};
  if (strcmp(instance_name(broker_instance(env->broker)), name) == 0)
    return broker_instance(env->broker);
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; chains[k] && i < chains[k]->n; i++)
      if (strcmp(instance_name(chains[k]->instances[i]), name) == 0)
        return chains[k]->instances[i];
  return NULL;
}

static struct option_table options_of(struct plugin_instance *instance)
{
  const struct plug_plugin *entry = &instance_image(instance)->entry;
  return (struct option_table){entry->options, entry->n_options};
}

static const struct settings_section *server_section(const char *name)
{
  size_t len = strcspn(name, " \t");
  for (size_t i = 0; i < SECTION_COUNT; i++)
    if (strlen(settings_sections[i].name) == len &&
        strncmp(settings_sections[i].name, name, len) == 0)
      return &settings_sections[i];
  return NULL;
}

/* Of [endpoint PATH] and the like there are as many as are written. */
static bool is_named(const struct settings_section *section)
{
  return strchr(section->title, ' ') != NULL;
}

static void put_plugin(json_t *sections, struct plugin_instance *instance)
{
  struct option_table table = options_of(instance);
  put_defaults(sections, instance_name(instance), &table);
}

static void put_all_defaults(const struct net_env *env, json_t *sections)
{
  const struct net_chains now = generation_chains(env);
  const struct chain *const chains[] = {now.access, now.app};
  for (size_t i = 0; i < SECTION_COUNT; i++)
    if (!is_named(&settings_sections[i]) && settings_sections[i].table.n)
      put_defaults(sections, settings_sections[i].name, &settings_sections[i].table);
  put_plugin(sections, broker_instance(env->broker));
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; chains[k] && i < chains[k]->n; i++)
      put_plugin(sections, chains[k]->instances[i]);
}

/* Rules are no options: they are shown as they are written. */
static void put_rules(json_t *sections, const struct config_section *section)
{
  json_t *out = section_of(sections, section->name);
  const struct list *head = &section->entries;
  for (const struct list *at = head->next; at != head; at = at->next) {
    const struct config_entry *entry = container_of(at, struct config_entry, link);
    (void)json_object_set_new(out, entry->key, admin_string(str_of(entry->value)));
  }
}

void admin_config(struct admin *admin, struct mount_request *request)
{
  json_t *sections = json_object();
  const struct list *head = &request->env->config->sections;
  if (sections)
    put_all_defaults(request->env, sections);
  for (const struct list *at = head->next; sections && at != head; at = at->next) {
    const struct config_section *section = container_of(at, struct config_section, link);
    const struct settings_section *own = server_section(section->name);
    struct plugin_instance *instance = own ? NULL : instance_named(request->env, section->name);
    struct option_table table = instance ? options_of(instance) : (struct option_table){NULL, 0};
    if (own && own == &settings_sections[SECTION_ACCESS]) {
      put_rules(sections, section);
      continue;
    }
    if (own && is_named(own))
      put_defaults(sections, section->name, &own->table);
    put_written(sections, section, own ? &own->table : instance ? &table : NULL);
  }
  if (sections)
    (void)json_object_set_new(section_of(sections, "server"), "node",
                              json_string(admin->parts.settings->node));
  admin_answer(request, 200, sections ? json_pack("{s:o}", "sections", sections) : NULL);
}
