#include "config/settings_profile.h"

#include <stdlib.h>

#include "config/fault.h"

struct profile {
  const struct settings *settings;
  const struct config *config;
  const struct config_section *door; /* whose keys come before those of all; NULL: none */
  struct buf notes;
};

static const struct config_entry *entry_of(const struct profile *p, const char *section,
                                           const char *key, const char **place)
{
  const struct config_entry *entry = p->door ? config_section_find(p->door, key) : NULL;
  const struct config_section *found = config_find(p->config, section);
  *place = entry ? p->door->name : section;
  return entry ? entry : found ? config_section_find(found, key) : NULL;
}

/* True if the profile's default holds. What was written wins, and is noted if it differs. */
static bool holds(struct profile *p, const char *section, const char *key, const char *value,
                  bool differs)
{
  const char *in;
  const struct config_entry *entry = entry_of(p, section, key, &in);
  if (!entry)
    return true;
  if (!differs)
    return false;
  char place[512];
  config_entry_place(entry, place, sizeof place);
  buf_putf(&p->notes, "%s[%s] %s = %s wins over profile = spring, where it is %s\n", place, in, key,
           entry->value, value);
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
static bool open_all(const struct settings *s, struct settings_list *list)
{
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

static plug_status apply(struct profile *p, struct settings_terms *terms, struct plug_err *err)
{
  const struct settings *s = p->settings;
  if (holds(p, "stomp", "heart-beat-send", "0", terms->heartbeat_send_ms != 0))
    terms->heartbeat_send_ms = 0;
  if (holds(p, "stomp", "heart-beat-receive", "0", terms->heartbeat_receive_ms != 0))
    terms->heartbeat_receive_ms = 0;
  if (holds(p, "destinations", "patterns", "on", !terms->patterns))
    terms->patterns = true;
  if (holds(p, "destinations", "unknown-destination", "ignore", !terms->ignore_unknown))
    terms->ignore_unknown = true;
  bool all_open = true;
  for (size_t i = 0; i < s->broker_prefixes.n; i++)
    all_open = all_open && has_prefix(&terms->client_send, s->broker_prefixes.items[i]);
  if (holds(p, "destinations", "client-send", "all of broker", !all_open) &&
      !open_all(s, &terms->client_send))
    p->notes.failed = true;
  if (p->notes.failed) {
    buf_free(&p->notes);
    return fault_no_memory(err);
  }
  return PLUG_OK;
}

plug_status settings_profile_apply_door(struct settings *s, const struct config *config,
                                        const struct config_section *door,
                                        struct settings_terms *terms, struct plug_err *err)
{
  struct profile p = {.settings = s, .config = config, .door = door};
  if (!terms->spring_profile)
    return PLUG_OK;
  if (s->profile_notes)
    buf_put_str(&p.notes, str_of(s->profile_notes));
  plug_status status = apply(&p, terms, err);
  if (status)
    return status;
  /* Keys of all are found at each door: a line is said once. */
  size_t known = s->profile_notes ? strlen(s->profile_notes) : 0;
  struct buf notes = {0};
  if (known)
    buf_put_str(&notes, str_of(s->profile_notes));
  struct plug_str rest = str_from(p.notes.data + known, p.notes.len - known);
  while (rest.len) {
    const char *end = memchr(rest.ptr, '\n', rest.len);
    struct plug_str line = str_from(rest.ptr, (size_t)(end - rest.ptr) + 1);
    if (!notes.len || !memmem(notes.data, notes.len, line.ptr, line.len))
      buf_put_str(&notes, line);
    rest = str_from(rest.ptr + line.len, rest.len - line.len);
  }
  buf_free(&p.notes);
  if (notes.len)
    buf_put_char(&notes, '\0');
  if (notes.failed) {
    buf_free(&notes);
    return fault_no_memory(err);
  }
  free(s->profile_notes);
  s->profile_notes = notes.data;
  return PLUG_OK;
}
