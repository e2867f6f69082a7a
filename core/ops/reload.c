#include "ops/reload.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_keyring.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "config/broker_section.h"
#include "config/fault.h"
#include "config/settings_page.h"
#include "message/message_rules.h"
#include "net/api_service.h"
#include "net/renewal.h"
#include "ops/reload_inner.h"

/* A worker does this between two turns; one that takes longer hangs in a plugin. */
#define SWITCH_LIMIT_MS 10000

void reload_set_free(struct reload_set *set)
{
  if (!set)
    return;
  reload_set_free(set->former);
  access_free(set->former_access);
  renewal_free(set->renewal);
  api_keyring_free(set->keys);
  free(set->destinations);
  if (set->has_settings)
    settings_fini(&set->settings);
  config_free(set->config);
  free(set);
}

/* --- what is told ------------------------------------------------------------------------- */

void reload_put(struct buf *answer, json_t *json)
{
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  answer->len = 0;
  buf_put_str(answer, str_of(text ? text : "{}"));
  buf_put_char(answer, '\0');
  free(text);
  json_decref(json);
}

/* What a file says need not be UTF-8, and a fault that is not told would be none. */
json_t *reload_text(const char *text)
{
  json_t *json = json_string(text);
  if (json)
    return json;
  char *plain = str_dup(str_of(text));
  for (char *at = plain; at && *at; at++)
    if ((unsigned char)*at >= 0x80)
      *at = '?';
  json = plain ? json_string(plain) : NULL;
  free(plain);
  return json;
}

void reload_hear(void *ctx, const struct plug_err *err)
{
  const char *text = err->text[0] ? err->text : "out of memory";
  log_error("config", "%s", text);
  json_array_append_new(ctx, reload_text(text));
}

bool reload_is_brokers(const char *key)
{
  return strncmp(key, "[broker] plugin", 15) == 0 || strncmp(key, "[broker.", 8) == 0;
}

/* swap: the broker is about to be swapped, which may fail. */
static void put_changes(struct buf *answer, const struct config_changes *changes, bool swap)
{
  json_t *applied = json_array(), *kept = json_array();
  size_t n_kept = 0, n_swap = 0;
  for (size_t i = 0; i < changes->n; i++) {
    const struct config_change *change = &changes->items[i];
    if (change->why) {
      log_warn("config", "%s %s", change->key, change->why);
      json_array_append_new(kept, json_pack("{s:o, s:o}", "key", reload_text(change->key), "why",
                                            reload_text(change->why)));
      n_kept++;
    } else {
      bool later = swap && reload_is_brokers(change->key);
      log_info("config", "%s is %s", change->key,
               later ? "to be applied by a swap of the broker" : "applied");
      json_array_append_new(applied, reload_text(change->key));
      n_swap += later;
    }
  }
  char of_swap[64] = "";
  if (n_swap)
    snprintf(of_swap, sizeof of_swap, ", %zu left to a swap of the broker", n_swap);
  log_info("config",
           "the configuration was read again: %zu changed and applied, %zu kept as before%s",
           changes->n - n_kept - n_swap, n_kept, of_swap);
  reload_put(answer, json_pack("{s:o, s:o}", "applied", applied, "kept", kept));
}

/* --- reading ------------------------------------------------------------------------------ */

static bool read_again(const struct reload *reload, struct config_complaints *complaints,
                       struct config **out)
{
  struct plug_err err = {0};
  struct settings settings;
  struct config *config = config_new();
  *out = config;
  if (!config) {
    (void)fault_no_memory(&err);
    config_complain(complaints, &err);
    return false;
  }
  if (!config_load(reload->source, complaints, config, &settings))
    return false;
  if (config_complete(complaints, config, &settings))
    reload->check(config, &settings, complaints);
  settings_fini(&settings);
  return complaints->n == 0;
}

/* What is made anew at each start, and does not change in between. */
static bool keep_made_up(struct settings *settings, const struct settings *former)
{
  char *node = str_dup(str_of(former->node));
  char *secret = former->page.secret ? str_dup(str_of(former->page.secret)) : NULL;
  if (!node || (former->page.secret && !secret)) {
    free(node);
    free(secret);
    return false;
  }
  free(settings->node);
  free(settings->page.secret);
  settings->node = node;
  settings->page.secret = secret;
  settings->workers = former->workers;
  return true;
}

/* A file with the same name may have another key in it. */
static void note_key_files(const struct settings *former, const struct settings *settings,
                           struct config_changes *changes)
{
  for (size_t i = 0; i < settings->n_api_keys; i++)
    for (size_t k = 0; k < former->n_api_keys; k++) {
      const struct settings_api_key *now = &settings->api_keys[i], *was = &former->api_keys[k];
      if (strcmp(now->name, was->name) != 0 || strcmp(now->secret, was->secret) == 0)
        continue;
      bool named = false;
      char key[160], file[sizeof key + 8];
      snprintf(key, sizeof key, "[api-key %.100s] secret", now->name);
      snprintf(file, sizeof file, "%s-file", key);
      for (size_t c = 0; c < changes->n; c++)
        named = named || strcmp(changes->items[c].key, key) == 0 ||
                strcmp(changes->items[c].key, file) == 0;
      if (!named)
        changes_add(changes, NULL, "%s", file);
    }
}

static void note_tokens(const struct settings *former, const struct settings *settings,
                        struct config_changes *changes)
{
  bool same = former->n_admin_tokens == settings->n_admin_tokens;
  for (size_t i = 0; same && i < settings->n_admin_tokens; i++)
    same = strcmp(former->admin_tokens[i], settings->admin_tokens[i]) == 0;
  if (!same && !changes_touch(changes, "[admin] token"))
    changes_add(changes, NULL, "[admin] token-file");
}

static bool can_renew(void *ctx, const char *section)
{
  return ctx && app_can_renew(ctx, section);
}

plug_status reload_set_settings(const struct reload *reload, struct reload_set *set,
                                struct plug_err *err)
{
  plug_status status = settings_load(&set->settings, set->config, err);
  set->has_settings = status == PLUG_OK;
  if (status != PLUG_OK)
    return status;
  if (!keep_made_up(&set->settings, reload->now.settings))
    return fault_no_memory(err);
  return settings_page_sign_in(&set->settings, set->config, err);
}

/* A section of a broker that the file does not name is read when an order swaps to it. */
static void keep_other_brokers(const struct settings *settings, struct config_changes *changes)
{
  char section[128], own[sizeof section + 4], why[256];
  broker_section_name(settings, section, sizeof section);
  int n = snprintf(own, sizeof own, "[%s]", section);
  snprintf(why, sizeof why, "is for a swap to it: [broker] plugin names %.150s",
           settings->broker_plugin);
  for (size_t i = 0; i < changes->n; i++) {
    struct config_change *change = &changes->items[i];
    if (change->why || strncmp(change->key, "[broker.", 8) != 0 ||
        strncmp(change->key, own, (size_t)n) == 0)
      continue;
    change->why = str_dup(str_of(why));
    changes->failed = changes->failed || !change->why;
  }
}

/* The settings that are to hold. */
static plug_status merge(const struct reload *reload, struct reload_set *set,
                         struct config_changes *changes, struct plug_err *err)
{
  const struct settings *former = reload->now.settings;
  const struct changes_world world = {.access = reload->now.access != NULL,
                                      .tls = reload->tls,
                                      .can_renew = can_renew,
                                      .ctx = reload->now.app};
  plug_status status = changes_merge(changes, reload->now.config, set->config, &world, err);
  if (status != PLUG_OK)
    return status;
  status = reload_set_settings(reload, set, err);
  if (!set->has_settings) {
    struct plug_err said = *err;
    snprintf(err->text, sizeof err->text, "%.180s (with what stays until the next start)",
             said.text);
    return status;
  }
  note_key_files(former, &set->settings, changes);
  note_tokens(former, &set->settings, changes);
  keep_other_brokers(&set->settings, changes);
  return changes->failed ? fault_no_memory(err) : status;
}

/* --- making ------------------------------------------------------------------------------- */

struct anew {
  const struct config_changes *changes;
  const char *name; /* this one in any case, or NULL */
};

static bool is_changed(void *ctx, const char *name)
{
  const struct anew *anew = ctx;
  const struct config_changes *changes = anew->changes;
  char own[160], named[160];
  if (anew->name && strcmp(anew->name, name) == 0)
    return true;
  snprintf(own, sizeof own, "[%s]", name);
  snprintf(named, sizeof named, "[%s ", name);
  return changes_touch(changes, own) || changes_touch(changes, named);
}

plug_status reload_set_make(const struct reload *reload, struct reload_set *set,
                            const struct config_changes *changes, const char *name,
                            struct plug_err *err)
{
  struct generation *generation = &set->generation;
  set->destinations = generation_destinations(&set->settings);
  set->keys = api_service_keys(&set->settings);
  set->renewal = renewal_new(reload->workers, reload->n_workers);
  if (!set->destinations || !set->keys || !set->renewal)
    return fault_no_memory(err);
  *generation = (struct generation){.config = set->config,
                                    .settings = &set->settings,
                                    .destinations = set->destinations,
                                    .api_keys = set->settings.n_api_keys ? set->keys : NULL};
  if (reload->now.access) {
    struct access_settings as = generation_access(&set->settings, set->destinations);
    bool anew = changes_touch(changes, "[auth] plugins") || changes_touch(changes, "[auth.") ||
                (name && strncmp(name, "auth.", 5) == 0);
    generation->access =
        access_renewed(reload->now.access, &as, set->config, anew ? reload->loop : NULL, err);
    if (!generation->access)
      return PLUG_EINVAL;
  }
  if (reload->now.app) {
    struct app_settings as = generation_app(&set->settings, set->destinations, reload->extension);
    struct anew anew = {changes, name};
    generation->app = app_renewed(reload->now.app, &as, set->config, is_changed, &anew, err);
    if (!generation->app)
      return PLUG_EINVAL;
  }
  return PLUG_OK;
}

/* What never came into force. */
void reload_set_drop(const struct reload *reload, struct reload_set *set)
{
  struct generation *generation = &set->generation;
  if (generation->app)
    app_abandon(generation->app);
  if (!generation->access)
    return;
  if (access_chain(generation->access) != access_chain(reload->now.access))
    access_abandon(generation->access);
  access_free(generation->access);
}

plug_status reload_set_prepare(const struct reload *reload, const struct settings *settings,
                               struct plug_err *err)
{
  for (size_t i = 0; i < reload->n_parts; i++) {
    plug_status status = reload->parts[i].prepare(reload->parts[i].ctx, settings, err);
    if (status == PLUG_OK)
      continue;
    while (i--)
      reload->parts[i].cancel(reload->parts[i].ctx);
    return status;
  }
  return PLUG_OK;
}

/* --- switching ---------------------------------------------------------------------------- */

struct message_limits reload_message_limits(const struct settings *settings)
{
  return (struct message_limits){.bytes = settings_largest_frame(settings),
                                 .n_headers = settings->max_headers,
                                 .header_bytes = settings->max_header_size,
                                 .topic_bytes = settings->max_destination_length};
}

void reload_set_process(const struct settings *settings)
{
  const struct message_limits limits = reload_message_limits(settings);
  message_set_limits(&limits);
  log_setup(settings->log_level, settings->log_json);
}

/* True: nobody uses what leaves any more, and it is gone. */
bool reload_let_go(struct reload *reload, uint64_t deadline_ms)
{
  struct reload_set *set = reload->set;
  if (!set)
    return true;
  if (!renewal_wait(set->renewal, deadline_ms))
    return false;
  reload_set_free(set->former);
  access_free(set->former_access);
  set->former = NULL;
  set->former_access = NULL;
  if (reload->now.access)
    access_settle(reload->now.access, true);
  if (reload->now.app)
    app_settle(reload->now.app);
  return true;
}

/* Another plugin, or other options of the one that there is. */
static bool is_other_broker(const struct settings *settings, const struct config_changes *changes)
{
  char section[128], key[160];
  broker_section_name(settings, section, sizeof section);
  snprintf(key, sizeof key, "[%s]", section);
  return changes_touch(changes, "[broker] plugin") || changes_touch(changes, key);
}

void reload_set_switch(struct reload *reload, struct reload_set *set,
                       struct config_changes *changes)
{
  const struct settings *settings = &set->settings;
  reload_set_process(settings);
  addresses_limit(reload->addresses, settings->max_address_connections, settings->max_address_rate);
  addresses_limit(reload->api->failures, 0, settings->api_max_failures);
  sockjs_registry_limit(reload->sockjs, settings->max_sockjs_sessions);
  for (size_t i = 0; i < reload->n_parts; i++)
    reload->parts[i].commit(reload->parts[i].ctx, changes);
  set->former = reload->set;
  set->former_access = reload->now.access;
  bool others = reload->now.access &&
                access_chain(set->generation.access) != access_chain(reload->now.access);
  if (others || (reload->now.app && app_has_new(set->generation.app)))
    COUNT(swaps);
  if (reload->now.app)
    app_take_over(set->generation.app, reload->now.app);
  reload->now = set->generation;
  reload->set = set;
  /* Before the workers go over: whoever has done so sees none of the former plugins there. */
  reload->sources->access = reload->now.access ? access_chain(reload->now.access) : NULL;
  reload->sources->app = reload->now.app ? app_chain(reload->now.app) : NULL;
  if (reload->now.access)
    access_settle(reload->now.access, false);
  renewal_send(set->renewal, &set->generation);
  if (!reload_let_go(reload, clock_now_ms() + SWITCH_LIMIT_MS))
    log_warn("config", "a worker has not taken over the configuration yet; it does when it comes "
                       "back from what it does");
}

/* faults is taken over. */
static plug_status refuse(struct buf *answer, const char *message, json_t *faults)
{
  log_error("config", "the configuration was not applied: all stays as it was");
  reload_put(answer, json_pack("{s:s, s:s, s:o}", "code", "bad-configuration", "message", message,
                               "faults", faults));
  return PLUG_EINVAL;
}

static plug_status tell(struct buf *answer, plug_status status, const char *sentence)
{
  log_error("config", "the configuration was not read again: %s", sentence);
  buf_put_str(answer, str_of(sentence));
  buf_put_char(answer, '\0');
  return status;
}

plug_status reload_run(struct reload *reload, struct buf *answer)
{
  struct config_changes changes = {0};
  struct plug_err err = {0};
  reload->broker = false;
  if (!reload->source || !reload->source->file) {
    static const char nothing[] = "the server was started without a file: there is nothing to read";
    log_error("config", "%s", nothing);
    return refuse(answer, nothing, json_array());
  }
  if (!reload_let_go(reload, clock_now_ms()))
    return tell(answer, PLUG_EUNAVAIL, "a worker has not taken over what was read before");
  json_t *faults = json_array();
  struct reload_set *set = calloc(1, sizeof *set);
  if (!faults || !set) {
    json_decref(faults);
    free(set);
    return tell(answer, PLUG_ENOMEM, "out of memory");
  }
  log_info("config", "reading %s again", reload->source->file);
  struct config_complaints complaints = {.complain = reload_hear, .ctx = faults};
  plug_status status = read_again(reload, &complaints, &set->config) ? PLUG_OK : PLUG_EINVAL;
  if (status == PLUG_OK) {
    status = merge(reload, set, &changes, &err);
    if (status == PLUG_OK)
      status = reload_set_make(reload, set, &changes, NULL, &err);
    if (status == PLUG_OK)
      status = reload_set_prepare(reload, &set->settings, &err);
    if (status != PLUG_OK)
      config_complain(&complaints, &err);
  }
  if (status != PLUG_OK) {
    reload_set_drop(reload, set);
    reload_set_free(set);
    changes_fini(&changes);
    return refuse(answer, "the configuration has mistakes, and nothing was changed", faults);
  }
  json_decref(faults);
  reload_set_switch(reload, set, &changes);
  reload->broker = is_other_broker(&set->settings, &changes);
  put_changes(answer, &changes, reload->broker);
  changes_fini(&changes);
  return PLUG_OK;
}

bool reload_tend(struct reload *reload)
{
  bool more = !reload_let_go(reload, clock_now_ms());
  if (reload->now.access)
    more = access_tend(reload->now.access) || more;
  if (reload->now.app)
    more = app_tend(reload->now.app) || more;
  return more;
}

void reload_fini(struct reload *reload)
{
  reload_set_free(reload->set);
  reload->set = NULL;
}
