#include "config/changes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "config/fault.h"
#include "config/settings_api.h"
#include "config/settings_doors.h"
#include "config/settings_tables.h"
#include "config/settings_tls.h"

#define SHOWN_MAX 100 /* bytes of a value */

/* --- the list ----------------------------------------------------------------------------- */

static void add(struct config_changes *changes, char *key, char *why, bool complete)
{
  struct config_change *items =
      complete ? realloc(changes->items, (changes->n + 1) * sizeof *items) : NULL;
  if (!items) {
    free(key);
    free(why);
    changes->failed = true;
    return;
  }
  changes->items = items;
  items[changes->n++] = (struct config_change){key, why};
}

void changes_add(struct config_changes *changes, const char *why, const char *format, ...)
{
  char *key = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&key, format, args);
  va_end(args);
  char *copy = why ? str_dup(str_of(why)) : NULL;
  add(changes, n < 0 ? NULL : key, copy, n >= 0 && (copy || !why));
}

void changes_fini(struct config_changes *changes)
{
  for (size_t i = 0; i < changes->n; i++) {
    free(changes->items[i].key);
    free(changes->items[i].why);
  }
  free(changes->items);
  *changes = (struct config_changes){0};
}

bool changes_touch(const struct config_changes *changes, const char *prefix)
{
  for (size_t i = 0; i < changes->n; i++)
    if (!changes->items[i].why && str_has_prefix(str_of(changes->items[i].key), str_of(prefix)))
      return true;
  return false;
}

static const char unsaid[] = "stays as it is until the next start";

/* What is said of an option that keeps its value; of secrets nothing. */
static void add_kept(struct config_changes *changes, const char *section,
                     const struct plug_option *option, struct plug_str value)
{
  char why[SHOWN_MAX + 64];
  if (option->type == PLUG_OPT_SECRET)
    snprintf(why, sizeof why, "%s", unsaid);
  else if (!value.ptr)
    snprintf(why, sizeof why, "keeps its default until the next start");
  else if (!value.len)
    snprintf(why, sizeof why, "stays empty until the next start");
  else
    snprintf(why, sizeof why, "stays %.*s%s until the next start",
             (int)utf8_cut(value.ptr, value.len, SHOWN_MAX), value.ptr,
             value.len > SHOWN_MAX ? "..." : "");
  changes_add(changes, why, "[%s] %s", section, option->name);
}

/* --- sections with a table ---------------------------------------------------------------- */

/* ptr NULL: neither value nor default. */
static struct plug_str value_of(const struct option_table *table,
                                const struct config_section *section, const char *key)
{
  struct plug_str value = {NULL, 0};
  (void)option_str(table, section, key, &value);
  return value;
}

static bool is_same(const struct plug_option *option, struct plug_str a, struct plug_str b)
{
  return !a.ptr || !b.ptr ? a.ptr == b.ptr : option_same_value(option, a, b);
}

struct merge {
  struct config_changes *changes;
  const struct config *running;
  struct config *wanted;
  const struct changes_world *world;
};

/* Of a table whose options are live: is there what they are for? */
static bool can_come(const struct changes_world *world, const struct option_table *table)
{
  if (table == &settings_sections[SECTION_AUTH].table)
    return world->access;
  if (table == &settings_sections[SECTION_TLS].table ||
      table == &settings_sections[SECTION_TLS_NAME].table)
    return world->tls;
  return true;
}

/* name: the section's. was, now: NULL for all defaults. */
static plug_status merge_table(struct merge *m, const char *name, const struct option_table *table,
                               const struct config_section *was, struct config_section *now)
{
  bool live = can_come(m->world, table);
  for (size_t i = 0; i < table->n; i++) {
    const struct plug_option *option = &table->options[i];
    struct plug_str old = value_of(table, was, option->name);
    if (is_same(option, old, value_of(table, now, option->name)))
      continue;
    if (live && (option->flags & OPTION_LIVE)) {
      changes_add(m->changes, NULL, "[%s] %s", name, option->name);
      continue;
    }
    add_kept(m->changes, name, option, old);
    const struct config_entry *entry = was ? config_section_find(was, option->name) : NULL;
    if (!now && entry && !(now = config_section_new(m->wanted, was)))
      return PLUG_ENOMEM;
    if (now && !config_section_set(m->wanted, now, option->name, entry))
      return PLUG_ENOMEM;
  }
  return PLUG_OK;
}

static plug_status merge_tables(struct merge *m)
{
  for (size_t id = 0; id < SECTION_COUNT; id++) {
    if (id == SECTION_ENDPOINT || id == SECTION_API_KEY || id == SECTION_TLS_NAME ||
        id == SECTION_ACCESS)
      continue;
    const char *name = settings_sections[id].name;
    plug_status status = merge_table(m, name, &settings_sections[id].table,
                                     config_find(m->running, name), config_find(m->wanted, name));
    if (status != PLUG_OK)
      return status;
  }
  return PLUG_OK;
}

/* --- endpoints ---------------------------------------------------------------------------- */

typedef bool (*named_fn)(const struct config_section *section, struct plug_str *name);

static struct config_section *find_named(const struct config *config, named_fn named,
                                         struct plug_str name)
{
  const struct list *head = &config->sections;
  struct plug_str own;
  for (struct list *link = head->next; link != head; link = link->next) {
    struct config_section *section = container_of(link, struct config_section, link);
    if (named(section, &own) && str_eq(own, name))
      return section;
  }
  return NULL;
}

static bool has_any(const struct config *config, named_fn named)
{
  const struct list *head = &config->sections;
  struct plug_str own;
  for (struct list *link = head->next; link != head; link = link->next)
    if (named(container_of(link, struct config_section, link), &own))
      return true;
  return false;
}

/* Is the endpoint served? Without any section there is the default one. */
static bool is_served(const struct config *config, struct plug_str path,
                      struct config_section **section)
{
  *section = find_named(config, doors_endpoint_path, path);
  return *section ||
         (!has_any(config, doors_endpoint_path) && str_eq(path, STR(DOORS_DEFAULT_ENDPOINT)));
}

static const char not_yet[] = "is not served before the next start";

static plug_status keep_endpoint(struct merge *m, struct plug_str path,
                                 const struct config_section *was)
{
  const struct option_table *table = &settings_sections[SECTION_ENDPOINT].table;
  struct config_section *now;
  char name[300];
  snprintf(name, sizeof name, "endpoint %.*s", (int)(path.len < 256 ? path.len : 256), path.ptr);
  if (is_served(m->wanted, path, &now))
    return merge_table(m, name, table, was, now);
  changes_add(m->changes, "is served until the next start", "[%s]", name);
  if (was && !config_section_copy(m->wanted, was))
    return PLUG_ENOMEM;
  return PLUG_OK;
}

static plug_status merge_endpoints(struct merge *m)
{
  const struct list *head = &m->running->sections;
  struct plug_str path;
  struct config_section *section;
  plug_status status = PLUG_OK;
  const struct plug_str ws = STR(DOORS_DEFAULT_ENDPOINT);
  /* What has no section, for want of any, is not to vanish when another one is kept. */
  if (!has_any(m->wanted, doors_endpoint_path)) {
    if (!is_served(m->running, ws, &section))
      changes_add(m->changes, not_yet, "[endpoint " DOORS_DEFAULT_ENDPOINT "]");
    else if (section && !config_section_new(m->wanted, section))
      return PLUG_ENOMEM;
  }
  if (!has_any(m->running, doors_endpoint_path))
    status = keep_endpoint(m, ws, NULL);
  for (struct list *link = head->next; link != head && status == PLUG_OK; link = link->next) {
    const struct config_section *was = container_of(link, struct config_section, link);
    if (doors_endpoint_path(was, &path))
      status = keep_endpoint(m, path, was);
  }
  for (struct list *link = m->wanted->sections.next, *next;
       link != &m->wanted->sections && status == PLUG_OK; link = next) {
    struct config_section *now = container_of(link, struct config_section, link);
    next = link->next;
    if (!doors_endpoint_path(now, &path) || is_served(m->running, path, &section))
      continue;
    changes_add(m->changes, not_yet, "[%s]", now->name);
    config_section_remove(now);
  }
  /* A connection knows its endpoint by the number. */
  for (struct list *link = head->next; link != head && status == PLUG_OK; link = link->next) {
    if (!doors_endpoint_path(container_of(link, struct config_section, link), &path))
      continue;
    section = find_named(m->wanted, doors_endpoint_path, path);
    if (!section &&
        !(section = config_section_new(m->wanted, container_of(link, struct config_section, link))))
      return PLUG_ENOMEM;
    list_remove(&section->link);
    list_append(&m->wanted->sections, &section->link);
  }
  return status;
}

/* --- keys of the API, certificates -------------------------------------------------------- */

static bool tls_names(const struct config_section *section, struct plug_str *names)
{
  return tls_section_names(section, names) && names->len;
}

/* Sections with names, which may come and go. */
static plug_status merge_named(struct merge *m, named_fn named, const struct option_table *table)
{
  const struct list *head = &m->wanted->sections;
  bool live = can_come(m->world, table);
  struct plug_str name;
  plug_status status = PLUG_OK;
  for (struct list *link = head->next, *next; link != head && status == PLUG_OK; link = next) {
    struct config_section *now = container_of(link, struct config_section, link);
    next = link->next;
    if (!named(now, &name))
      continue;
    const struct config_section *was = find_named(m->running, named, name);
    if (was) {
      status = merge_table(m, now->name, table, was, now);
      continue;
    }
    changes_add(m->changes, live ? NULL : unsaid, "[%s]", now->name);
    if (!live)
      config_section_remove(now);
  }
  head = &m->running->sections;
  for (struct list *link = head->next; link != head && status == PLUG_OK; link = link->next) {
    const struct config_section *was = container_of(link, struct config_section, link);
    if (!named(was, &name) || find_named(m->wanted, named, name))
      continue;
    changes_add(m->changes, live ? NULL : unsaid, "[%s]", was->name);
    if (!live && !config_section_copy(m->wanted, was))
      status = PLUG_ENOMEM;
  }
  return status;
}

/* --- sections without a table ------------------------------------------------------------- */

static bool same_entries(const struct config_section *was, const struct config_section *now)
{
  const struct list *a = was->entries.next, *b = now->entries.next;
  for (; a != &was->entries && b != &now->entries; a = a->next, b = b->next) {
    const struct config_entry *one = container_of(a, struct config_entry, link);
    const struct config_entry *other = container_of(b, struct config_entry, link);
    if (strcmp(one->key, other->key) != 0 || strcmp(one->value, other->value) != 0)
      return false;
  }
  return a == &was->entries && b == &now->entries;
}

/* Names each key that the one has, and the other has not or otherwise. both: those that both have
 * are looked at. */
static bool name_keys(struct config_changes *changes, const char *why,
                      const struct config_section *one, const struct config_section *other,
                      bool both)
{
  bool any = false;
  for (const struct list *link = one->entries.next; link != &one->entries; link = link->next) {
    const struct config_entry *entry = container_of(link, struct config_entry, link);
    const struct config_entry *twin = config_section_find(other, entry->key);
    if (twin && (!both || strcmp(twin->value, entry->value) == 0))
      continue;
    changes_add(changes, why, "[%s] %s", one->name, entry->key);
    any = true;
  }
  return any;
}

static bool name_changes(struct config_changes *changes, const char *why,
                         const struct config_section *was, const struct config_section *now)
{
  if (was && now && same_entries(was, now))
    return false;
  if (!was || !now) {
    changes_add(changes, why, "[%s]", was ? was->name : now->name);
    return true;
  }
  bool any = name_keys(changes, why, now, was, true);
  if (!name_keys(changes, why, was, now, false) && !any)
    changes_add(changes, why, "[%s]", now->name); /* in another order */
  return true;
}

/* Those that the server writes itself are made of other options. */
static bool is_plugins(const struct config_section *of)
{
  const char *section = of->name;
  return !of->generated && (strncmp(section, "broker.", 7) == 0 ||
                            strncmp(section, "auth.", 5) == 0 || strncmp(section, "app.", 4) == 0);
}

static plug_status merge_plugin(struct merge *m, const struct config_section *was,
                                struct config_section *now)
{
  const char *name = was ? was->name : now->name;
  bool live = strncmp(name, "auth.", 5) == 0  ? m->world->access
              : strncmp(name, "app.", 4) == 0 ? m->world->can_renew(m->world->ctx, name)
                                              : true;
  if (!name_changes(m->changes, live ? NULL : unsaid, was, now) || live)
    return PLUG_OK;
  if (now)
    config_section_remove(now);
  return !was || config_section_copy(m->wanted, was) ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status merge_plugins(struct merge *m)
{
  plug_status status = PLUG_OK;
  for (struct list *link = m->wanted->sections.next, *next;
       link != &m->wanted->sections && status == PLUG_OK; link = next) {
    struct config_section *now = container_of(link, struct config_section, link);
    next = link->next;
    const struct config_section *was = config_find(m->running, now->name);
    if (is_plugins(now) && !was)
      status = merge_plugin(m, NULL, now);
  }
  const struct list *head = &m->running->sections;
  for (struct list *link = head->next; link != head && status == PLUG_OK; link = link->next) {
    const struct config_section *was = container_of(link, struct config_section, link);
    if (is_plugins(was))
      status = merge_plugin(m, was, config_find(m->wanted, was->name));
  }
  return status;
}

static void drop_generated(struct config *config)
{
  for (struct list *link = config->sections.next, *next; link != &config->sections; link = next) {
    next = link->next;
    if (container_of(link, struct config_section, link)->generated)
      config_section_remove(container_of(link, struct config_section, link));
  }
}

plug_status changes_merge(struct config_changes *changes, const struct config *running,
                          struct config *wanted, const struct changes_world *world,
                          struct plug_err *err)
{
  struct merge m = {.changes = changes, .running = running, .wanted = wanted, .world = world};
  const struct config_section *was = config_find(running, "access");
  struct config_section *now = config_find(wanted, "access");
  *changes = (struct config_changes){0};
  drop_generated(wanted);
  plug_status status = merge_tables(&m);
  if (status == PLUG_OK)
    status = merge_endpoints(&m);
  if (now && !world->access) {
    changes_add(changes, "holds from the next start on: there is no access control until then",
                "[access]");
    config_section_remove(now);
  } else if (was || now) {
    (void)name_changes(changes, NULL, was, now);
  }
  if (status == PLUG_OK)
    status = merge_named(&m, api_key_name, &settings_sections[SECTION_API_KEY].table);
  if (status == PLUG_OK)
    status = merge_named(&m, tls_names, &settings_sections[SECTION_TLS_NAME].table);
  if (status == PLUG_OK)
    status = merge_plugins(&m);
  return status != PLUG_OK || changes->failed ? fault_no_memory(err) : PLUG_OK;
}
