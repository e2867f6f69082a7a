#include "plugin/create_fault.h"

#include <stdio.h>

#include "base/str.h"
#include "config/config.h"
#include "config/fault.h"
#include "plugin/host_config.h"
#include "plugin/op.h"
#include "plugin/part.h"

void create_fault_report(const struct plugin_instance *instance,
                         const struct config_section *section, plug_status status,
                         struct plug_err *said, struct plug_err *err)
{
  said->text[sizeof said->text - 1] = '\0';
  char text[sizeof said->text];
  if (said->text[0])
    snprintf(text, sizeof text, "%s", said->text);
  else if (status == PLUG_ENOMEM)
    snprintf(text, sizeof text, "out of memory");
  else
    snprintf(text, sizeof text, "create failed with status %d (%s) and no explanation", status,
             op_status_text(status));
  const struct host_config *config = instance->config;
  if (config->blamed)
    fault_at(err, config->blamed_file, config->blamed_line, "[%s] %s", config->blamed, text);
  else if (section)
    fault_at(err, section->file, section->line, "[%s] %s", instance->name, text);
  else
    fault_at(err, NULL, 0, "[%s] %s", instance->name, text);
  err->code = status < 0 ? status : PLUG_EINTERNAL;
}

plug_status create_fault_unread(const struct plugin_instance *instance, struct plug_err *err)
{
  if (!instance->config->config || instance->config->asked_sections)
    return PLUG_OK;
  const struct list *head = &instance->config->config->sections;
  struct plug_str mine = str_of(instance->name);
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    if (str_has_prefix(str_of(section->name), mine) && section->name[mine.len] == ' ')
      return fault_at(err, section->file, section->line,
                      "unknown section [%s]: this plugin has no sections with names",
                      section->name);
  }
  return PLUG_OK;
}
