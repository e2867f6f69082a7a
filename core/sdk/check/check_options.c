#include "check_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/option.h"

static const struct config_section *section_of(const struct check_run *run, const char *name)
{
  const struct check_order *order = check_order(run);
  return order->config ? config_find(order->config, name) : NULL;
}

const char *options_of_check(const struct check_run *run, const char *key, const char *def)
{
  const struct config_section *section = section_of(run, "check");
  const struct config_entry *entry = section ? config_section_find(section, key) : NULL;
  return entry ? entry->value : def;
}

static const char *type_name(uint32_t type)
{
  return type == PLUG_OPT_PATH       ? "a path"
         : type == PLUG_OPT_HOSTPORT ? "host:port"
         : type == PLUG_OPT_LIST     ? "a list"
         : type == PLUG_OPT_SECRET   ? "a secret"
                                     : "a text";
}

/* The first value of its range, "1..64" or "a|b"; NULL: of this type nothing can be made up. */
static char *make_up(const struct plug_option *option)
{
  const char *range = option->range;
  if (option->type == PLUG_OPT_BOOL)
    return strdup("off");
  if (option->type == PLUG_OPT_CHOICE && range)
    return strndup(range, strcspn(range, "|"));
  if (option->type != PLUG_OPT_INTEGER && option->type != PLUG_OPT_DURATION &&
      option->type != PLUG_OPT_BYTES)
    return NULL;
  const char *dots = range ? strstr(range, "..") : NULL;
  return dots ? strndup(range, (size_t)(dots - range))
              : strdup(option->type == PLUG_OPT_DURATION ? "1s" : "1");
}

static bool has(char **made, size_t n, const char *name)
{
  for (size_t i = 0; i < n; i += 2)
    if (!strcmp(made[i], name))
      return true;
  return false;
}

static char *must(char *text)
{
  if (!text)
    abort();
  return text;
}

const char *const *options_make(struct check_run *run, const char *const *overrides)
{
  const struct plug_plugin *plugin = check_plugin(run);
  const struct check_order *order = check_order(run);
  const struct config_section *section = section_of(run, order->section);
  struct option_table table = {plugin->options, plugin->n_options};
  struct plug_err err;
  size_t n = 0, n_overrides = 0;
  while (overrides && overrides[n_overrides])
    n_overrides += 2;
  char **made = calloc(n_overrides + 2 * plugin->n_options + 1, sizeof *made);
  if (!made)
    abort();
  for (size_t i = 0; i < n_overrides; i++)
    made[n++] = must(strdup(overrides[i]));
  for (size_t i = 0; i < plugin->n_options; i++) {
    const struct plug_option *option = &plugin->options[i];
    const struct config_entry *entry = section ? config_section_find(section, option->name) : NULL;
    if (has(made, n, option->name))
      continue;
    char *value = entry ? must(strdup(entry->value)) : NULL;
    if (!value && !option->def && option->flags & PLUG_OPT_REQUIRED) {
      value = make_up(option);
      CHECK(run, value,
            "needs its required option '%s' (%s): write it into a section of an INI file, and give "
            "--config FILE --section NAME",
            option->name, type_name(option->type));
    }
    if (!value)
      continue;
    made[n++] = must(strdup(option->name));
    made[n++] = value;
  }
  CHECK(run, !section || !option_check(&table, section, order->section, &err), "%s", err.text);
  return (const char *const *)made;
}

void options_free(const char *const *options)
{
  for (const char *const *o = options; *o; o++)
    free((char *)(uintptr_t)*o);
  free((void *)(uintptr_t)options);
}
