/* An auth plugin or an application made anew by an operator's word: the configuration that holds,
 * but for the section of that plugin, which is as it stands in the file now, and for its place in
 * [auth] plugins. From there on it is a reload. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/chain.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "config/fault.h"
#include "config/option.h"
#include "ops/reload_inner.h"

struct exchange {
  struct reload *reload;
  const struct reload_order *order;
  const struct settings_list *running; /* names, as in [auth] plugins or [app] plugins */
  size_t at;                           /* of these: the one that goes */
  bool same;                           /* and comes again */
  char former[128], section[128];      /* "auth.jwt" */
  const char *from, *to;               /* "jwt" */
};

static const char *short_name(const char *section)
{
  const char *dot = strchr(section, '.');
  return dot ? dot + 1 : section;
}

/* json, faults: taken over. */
static plug_status refuse(const struct exchange *x, struct buf *answer, plug_status status,
                          const char *why, json_t *faults)
{
  char message[512];
  if (x->from)
    snprintf(message, sizeof message, "%s stays %s: %s",
             strcmp(x->order->kind, "auth") == 0 ? "the auth plugin" : "the application", x->from,
             why);
  else
    snprintf(message, sizeof message, "%s", why);
  COUNT(swaps_failed);
  log_error(x->order->kind, "%s", message);
  json_t *json =
      json_pack("{s:s, s:o}", "code", status == PLUG_EINVAL ? "bad-configuration" : "not-swapped",
                "message", reload_text(message));
  if (json && json_array_size(faults))
    (void)json_object_set(json, "faults", faults);
  json_decref(faults);
  reload_put(answer, json);
  return status;
}

/* --- which one is meant ------------------------------------------------------------------- */

static bool find(struct exchange *x, const char *plugin)
{
  char section[128];
  for (x->at = 0; x->at < x->running->n; x->at++) {
    chain_section_name(x->order->kind, x->running->items[x->at].ptr, section, sizeof section);
    if (strcmp(short_name(section), plugin) == 0)
      return true;
  }
  return false;
}

/* False: why is filled. */
static bool choose(struct exchange *x, char *why, size_t size)
{
  const struct reload_order *order = x->order;
  const char *kind = order->kind;
  bool auth = strcmp(kind, "auth") == 0;
  if (!x->running->n || !(auth ? (void *)x->reload->now.access : (void *)x->reload->now.app)) {
    snprintf(why, size, "no %s runs: [%s] plugins names none%s",
             auth ? "auth plugin" : "application", kind,
             auth && x->reload->now.access ? "" : ", and stays so until the next start");
    return false;
  }
  snprintf(x->section, sizeof x->section, "%s.%s", kind, order->plugin);
  x->to = short_name(x->section);
  x->same = find(x, order->plugin);
  if (!x->same && !auth) {
    snprintf(why, size,
             "'%s' is not among [app] plugins, and what is named there stays until the next start",
             order->plugin);
    return false;
  }
  if (x->same && order->former[0] && strcmp(order->former, order->plugin) != 0) {
    snprintf(why, size,
             "'%s' is among [auth] plugins already: it takes its own place only, leave 'for' out",
             order->plugin);
    return false;
  }
  if (!x->same && order->former[0] && !find(x, order->former)) {
    snprintf(why, size, "'%s' is not among [auth] plugins", order->former);
    return false;
  }
  if (!x->same && !order->former[0] && x->running->n > 1) {
    snprintf(why, size,
             "[auth] plugins names several, and '%s' is none of them: say which one it is to take "
             "the place of ('for'; plugctl: --for NAME)",
             order->plugin);
    return false;
  }
  if (!x->same && !order->former[0])
    x->at = 0;
  chain_section_name(kind, x->running->items[x->at].ptr, x->former, sizeof x->former);
  x->from = short_name(x->former);
  return true;
}

/* --- what is to hold ---------------------------------------------------------------------- */

/* [auth.jwt], [app.route], [app.route NAME]. */
static bool is_own(const struct config_section *section, const char *name)
{
  size_t n = strlen(name);
  return strncmp(section->name, name, n) == 0 && (!section->name[n] || section->name[n] == ' ');
}

/* All sections of from that are the plugin's own, or all that are not and are not of the one that
 * goes, or NULL. Those that the server writes itself come again by themselves. */
static bool copy(struct config *config, const struct config *from, const char *name, bool own,
                 const char *leaving)
{
  const struct list *head = &from->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    if (!section->generated && is_own(section, name) == own &&
        !(leaving && is_own(section, leaving)) && !config_section_copy(config, section))
      return false;
  }
  return true;
}

/* The list with the other name in it. */
static bool write_name(const struct exchange *x, struct config *config)
{
  struct config_section *section = config_find(config, x->order->kind);
  const struct config_entry *entry = section ? config_section_find(section, "plugins") : NULL;
  struct buf text = {0};
  if (!entry)
    return false;
  for (size_t i = 0; i < x->running->n; i++) {
    if (i)
      buf_put_str(&text, STR(", "));
    buf_put_str(&text, i == x->at ? str_of(x->order->plugin) : x->running->items[i]);
  }
  buf_put_char(&text, '\0');
  struct config_entry renamed = *entry;
  renamed.value = text.data;
  bool well = !text.failed && config_section_set(config, section, "plugins", &renamed);
  buf_free(&text);
  return well;
}

/* The file as it is now; without one, what holds. NULL: it has mistakes, which are in faults. */
static struct config *read_file(const struct exchange *x, json_t *faults)
{
  const struct config_source *source = x->reload->source;
  struct config_complaints complaints = {.complain = reload_hear, .ctx = faults};
  struct settings settings;
  struct config *config = config_new();
  if (!source || !source->file) {
    if (config && copy(config, x->reload->now.config, "", false, NULL))
      return config;
  } else if (config && config_load(source, &complaints, config, &settings)) {
    settings_fini(&settings);
    if (!complaints.n)
      return config;
  }
  config_free(config);
  return NULL;
}

static plug_status compose(const struct exchange *x, const struct config *file,
                           struct reload_set *set, struct plug_err *err)
{
  /* Nobody would know what the section of one that was named by its path is for. */
  bool by_path = strchr(x->running->items[x->at].ptr, '/') != NULL;
  const char *leaving = !x->same && by_path ? x->former : NULL;
  set->config = config_new();
  if (!set->config || !copy(set->config, x->reload->now.config, x->section, false, leaving) ||
      !copy(set->config, file, x->section, true, NULL))
    return fault_no_memory(err);
  if (!x->same && !write_name(x, set->config))
    return fault_at(err, NULL, 0, "[auth] plugins is not written anywhere: write it, and reload");
  return reload_set_settings(x->reload, set, err);
}

/* --- the exchange ------------------------------------------------------------------------- */

static plug_status exchange(struct exchange *x, const struct config *file, struct reload_set *set,
                            bool *mistaken, struct plug_err *err)
{
  struct config_changes none = {0};
  const char *named = x->same ? x->running->items[x->at].ptr : x->order->plugin;
  *mistaken = true;
  plug_status status = compose(x, file, set, err);
  if (status != PLUG_OK)
    return status;
  const struct plugin_image *image =
      image_load(set->settings.plugin_dir, x->order->kind, named, err);
  if (!image)
    return PLUG_EINVAL;
  const struct option_table table = {image->entry.options, image->entry.n_options};
  status = option_check(&table, config_find(set->config, x->section), x->section, err);
  if (status != PLUG_OK)
    return status;
  *mistaken = false;
  status = reload_set_make(x->reload, set, &none, x->section, err);
  if (status == PLUG_OK)
    status = reload_set_prepare(x->reload, &set->settings, err);
  if (status != PLUG_OK)
    return status;
  struct config_changes changes = {0};
  reload_set_switch(x->reload, set, &changes);
  changes_fini(&changes);
  return PLUG_OK;
}

plug_status reload_plugin(struct reload *reload, const struct reload_order *order,
                          struct buf *answer)
{
  const struct settings *settings = reload->now.settings;
  struct plug_err err = {0};
  char why[256];
  bool mistaken;
  uint64_t began_ms = clock_now_ms();
  struct exchange x = {.reload = reload,
                       .order = order,
                       .running = strcmp(order->kind, "auth") == 0 ? &settings->auth_plugins
                                                                   : &settings->app_plugins};
  reload->broker = false;
  if (!choose(&x, why, sizeof why))
    return refuse(&x, answer, PLUG_EINVAL, why, NULL);
  if (!reload_let_go(reload, clock_now_ms()))
    return refuse(&x, answer, PLUG_ESTATE, "a worker has not taken over what was made before",
                  NULL);
  json_t *faults = json_array();
  struct config *file = read_file(&x, faults);
  struct reload_set *set = calloc(1, sizeof *set);
  if (!file || !set) {
    free(set);
    config_free(file);
    return refuse(&x, answer, PLUG_EINVAL, "the configuration has mistakes", faults);
  }
  log_info(order->kind, "%s is about to take over from %s", x.to, x.from);
  plug_status status = exchange(&x, file, set, &mistaken, &err);
  config_free(file);
  if (status != PLUG_OK) {
    reload_set_drop(reload, set);
    reload_set_free(set);
    return refuse(&x, answer, mistaken ? PLUG_EINVAL : PLUG_ESTATE,
                  err.text[0] ? err.text : "out of memory", faults);
  }
  json_decref(faults);
  uint64_t took_ms = clock_now_ms() - began_ms;
  log_info(order->kind, "%s answers from now on, and %s did: swapped in %" PRIu64 " ms", x.to,
           x.from, took_ms);
  reload_put(answer, json_pack("{s:s, s:s, s:s, s:I}", "kind", order->kind, "from", x.from, "to",
                               x.to, "took_ms", (json_int_t)took_ms));
  return PLUG_OK;
}
