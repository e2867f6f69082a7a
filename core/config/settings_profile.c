#include "config/settings_profile.h"

#include <stdlib.h>

#include "config/fault.h"

struct profile {
  struct settings *settings;
  const struct config *config;
  struct buf notes;
};

static const struct config_entry *entry_of(const struct profile *p, const char *section,
                                           const char *key)
{
  const struct config_section *found = config_find(p->config, section);
  return found ? config_section_find(found, key) : NULL;
}

/* True if the profile's default holds. What was written wins, and is noted if it differs. */
static bool holds(struct profile *p, const char *section, const char *key, const char *value,
                  bool differs)
{
  const struct config_entry *entry = entry_of(p, section, key);
  if (!entry)
    return true;
  if (!differs)
    return false;
  char place[512];
  config_entry_place(entry, place, sizeof place);
  buf_putf(&p->notes, "%s[%s] %s = %s wins over profile = spring, where it is %s\n", place, section,
           key, entry->value, value);
  return false;
}

static bool has_prefix(const struct settings_list *list, struct plug_str prefix)
{
  for (size_t i = 0; i < list->n; i++)
    if (str_eq(list->items[i], prefix))
      return true;
  return false;
}

/* Every broker prefix that is not in client-send is put there. */
static bool open_all(struct settings *s)
{
  struct settings_list *list = &s->client_send_prefixes;
  size_t most = list->n + s->broker_prefixes.n;
  struct plug_str *items = realloc(list->items, (most + 1) * sizeof *items);
  if (!items)
    return false;
  list->items = items;
  for (size_t i = 0; i < s->broker_prefixes.n; i++) {
    struct plug_str prefix = s->broker_prefixes.items[i];
    if (has_prefix(list, prefix))
      continue;
    char *copy = str_dup(prefix);
    if (!copy)
      return false;
    list->items[list->n++] = str_from(copy, prefix.len);
  }
  return true;
}

plug_status settings_profile_apply(struct settings *s, const struct config *config,
                                   struct plug_err *err)
{
  struct profile p = {.settings = s, .config = config};
  if (!s->spring_profile)
    return PLUG_OK;
  if (holds(&p, "stomp", "heart-beat-send", "0", s->heartbeat_send_ms != 0))
    s->heartbeat_send_ms = 0;
  if (holds(&p, "stomp", "heart-beat-receive", "0", s->heartbeat_receive_ms != 0))
    s->heartbeat_receive_ms = 0;
  if (holds(&p, "destinations", "patterns", "on", !s->patterns))
    s->patterns = true;
  if (holds(&p, "destinations", "unknown-destination", "ignore", !s->ignore_unknown))
    s->ignore_unknown = true;
  bool all_open = true;
  for (size_t i = 0; i < s->broker_prefixes.n; i++)
    all_open = all_open && has_prefix(&s->client_send_prefixes, s->broker_prefixes.items[i]);
  if (holds(&p, "destinations", "client-send", "all of broker", !all_open) && !open_all(s))
    p.notes.failed = true;
  if (p.notes.len)
    buf_put_char(&p.notes, '\0');
  if (p.notes.failed) {
    buf_free(&p.notes);
    return fault_no_memory(err);
  }
  s->profile_notes = p.notes.data;
  return PLUG_OK;
}
