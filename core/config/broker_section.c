#include "config/broker_section.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/fault.h"

void broker_section_blame(const struct settings *settings, struct plug_err *err)
{
  char text[sizeof err->text];
  memcpy(text, err->text, sizeof text);
  if (settings->broker_line > 0)
    snprintf(err->text, sizeof err->text, "%s:%d: %.180s", settings->broker_file,
             settings->broker_line, text);
  else if (settings->broker_file)
    snprintf(err->text, sizeof err->text, "%s: %.200s", settings->broker_file, text);
}

void broker_section_name(const struct settings *settings, char *out, size_t size)
{
  const char *name = settings->broker_plugin;
  const char *slash = strrchr(name, '/');
  if (slash)
    name = slash + 1;
  if (strncmp(name, "broker-", 7) == 0)
    name += 7;
  size_t len = strlen(name);
  if (len > 3 && strcmp(name + len - 3, ".so") == 0)
    len -= 3;
  snprintf(out, size, "broker.%.*s", (int)len, name);
}

/* The section of a broker that is not the one in use. */
static bool is_unused(const struct config_section *section, const char *used)
{
  return strncmp(section->name, "broker.", 7) == 0 && strcmp(section->name, used) != 0;
}

static bool is_installed(const struct settings *settings, const char *name)
{
  char path[PATH_MAX];
  int n = snprintf(path, sizeof path, "%s/broker-%s.so", settings->plugin_dir, name);
  return n > 0 && (size_t)n < sizeof path && !strchr(name, '/') && access(path, F_OK) == 0;
}

plug_status broker_section_check_others(const struct settings *settings,
                                        const struct config *config, const char *used,
                                        struct plug_err *err)
{
  const struct list *head = &config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    if (is_unused(section, used) && !is_installed(settings, section->name + 7))
      return fault_at(err, section->file, section->line,
                      "unknown section [%s]; the plugin in use reads [%s]", section->name, used);
  }
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    char place[16] = "";
    if (!is_unused(section, used))
      continue;
    if (section->line > 0)
      snprintf(place, sizeof place, ":%d", section->line);
    log_warn("server",
             "%s%s: [%s] is not read: the broker in use is '%s'; to use this one, set plugin = %s "
             "in [broker] or swap to it, otherwise take the section out",
             section->file, place, section->name, settings->broker_plugin, section->name + 7);
  }
  return PLUG_OK;
}
