#include "plugin/host_config.h"

#include "base/str.h"
#include "config/config.h"
#include "config/option.h"
#include "plugin/border.h"
#include "plugin/image.h"
#include "plugin/part.h"

static struct option_table options_of(const struct plugin_instance *instance)
{
  return (struct option_table){instance->image->entry.options, instance->image->entry.n_options};
}

plug_status host_config_str(const struct plug_host *host, const char *key, struct plug_str *out)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_create(instance, "cfg_str"))
    return PLUG_ESTATE;
  struct option_table table = options_of(instance);
  return option_str(&table, instance->config->section, key, out);
}

plug_status host_config_i64(const struct plug_host *host, const char *key, int64_t *out)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_create(instance, "cfg_i64"))
    return PLUG_ESTATE;
  struct option_table table = options_of(instance);
  return option_i64(&table, instance->config->section, key, out);
}

/* The NAME of a section of this instance; empty: it is another's, or the instance's own. */
static struct plug_str label_of(const struct plugin_instance *instance,
                                const struct config_section *section)
{
  struct plug_str name = str_of(section->name), mine = str_of(instance->name);
  if (!str_has_prefix(name, mine) || name.len == mine.len || name.ptr[mine.len] != ' ')
    return str_from(NULL, 0);
  return str_trim(str_from(name.ptr + mine.len, name.len - mine.len));
}

static const struct config_section *find(const struct plugin_instance *instance, size_t number)
{
  if (!instance->config->config)
    return NULL;
  const struct list *head = &instance->config->config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    if (label_of(instance, section).len && !number--)
      return section;
  }
  return NULL;
}

static const struct config_entry *find_entry(const struct config_section *section, size_t number)
{
  if (!section)
    return NULL;
  const struct list *head = &section->entries;
  for (const struct list *link = head->next; link != head; link = link->next)
    if (!number--)
      return container_of(link, struct config_entry, link);
  return NULL;
}

static plug_status get_section(const struct plug_host *host, size_t number, struct plug_str *name)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_create(instance, "section"))
    return PLUG_ESTATE;
  instance->config->asked_sections = true;
  const struct config_section *section = find(instance, number);
  if (!section)
    return PLUG_EINVAL;
  *name = label_of(instance, section);
  return PLUG_OK;
}

static plug_status get_entry(const struct plug_host *host, size_t section, size_t number,
                             struct plug_kv *out)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_create(instance, "entry"))
    return PLUG_ESTATE;
  const struct config_entry *entry = find_entry(find(instance, section), number);
  if (!entry)
    return PLUG_EINVAL;
  *out = (struct plug_kv){str_of(entry->key), str_of(entry->value)};
  return PLUG_OK;
}

static void blame(const struct plug_host *host, size_t number, size_t entry_number)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_create(instance, "blame"))
    return;
  const struct config_section *section = find(instance, number);
  const struct config_entry *entry = find_entry(section, entry_number);
  if (!section)
    return;
  instance->config->blamed = section->name;
  instance->config->blamed_file = entry ? entry->file : section->file;
  instance->config->blamed_line = entry ? entry->line : section->line;
}

const struct plug_config host_config_table = {
    .size = sizeof host_config_table,
    .section = get_section,
    .entry = get_entry,
    .blame = blame,
};
