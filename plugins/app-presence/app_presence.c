/* The application that says who is there: subscriptions make members of rooms, joins and leaves are
 * told to the room, on every node by itself, and who is there is told on request. Its rooms stand
 * in the configuration. */
#include <plugboard/ext/config.h>
#include <plugboard/ext/presence.h>
#include <plugboard/plugin.h>

#include <stdint.h>
#include <stdlib.h>

#include "watch_listing.h"

struct app_presence {
  const struct plug_host *host;
  struct watch_section *sections;
  struct plug_str *watches;
  struct plug_claim *claims;
  const struct watch_section **claimed; /* by claim */
  size_t n_sections, n_claims;
  struct watch_rooms rooms;
  bool has_rooms;
};

static plug_status check_twice(const struct app_presence *self, const struct watch_section *section,
                               struct plug_err *err)
{
  for (size_t i = 0; i < self->n_sections; i++)
    if (&self->sections[i] != section &&
        strcmp(self->sections[i].path.claim, section->path.claim) == 0)
      return route_fault(err, "watch: the section '%s' has the same", self->sections[i].name);
  return PLUG_OK;
}

static plug_status load_section(struct app_presence *self, const struct plug_config *config,
                                size_t number, struct plug_str name, struct plug_err *err)
{
  const struct plug_host *host = self->host;
  struct watch_section *section = &self->sections[self->n_sections];
  struct plug_kv entry;
  size_t at = 0;
  while (config->entry(host, number, at, &entry) == PLUG_OK && !route_eq(entry.key, "watch"))
    at++;
  if (config->entry(host, number, at, &entry) != PLUG_OK) {
    config->blame(host, number, SIZE_MAX);
    return route_fault(err, "has no 'watch'");
  }
  self->n_sections++;
  config->blame(host, number, at);
  plug_status status = watch_section_begin(section, name, entry.value, err);
  if (status == PLUG_OK)
    status = check_twice(self, section, err);
  for (at = 0; status == PLUG_OK && config->entry(host, number, at, &entry) == PLUG_OK; at++) {
    config->blame(host, number, at);
    status = watch_section_set(section, entry, err);
  }
  if (status != PLUG_OK)
    return status;
  config->blame(host, number, SIZE_MAX);
  return watch_section_complete(section, err);
}

static plug_status load(struct app_presence *self, struct plug_err *err)
{
  const struct plug_host *host = self->host;
  const struct plug_config *config = host->extension(host, PLUG_EXT_CONFIG);
  struct plug_str name;
  size_t n = 0;
  if (!config)
    return route_fault(err, "this server has no sections with names");
  while (config->section(host, n, &name) == PLUG_OK)
    n++;
  if (!n)
    return route_fault(err, "there is nothing to watch: each room is a section, "
                            "[app.presence NAME]");
  self->sections = calloc(n, sizeof *self->sections);
  self->watches = calloc(n, sizeof *self->watches);
  self->claims = calloc(n, sizeof *self->claims);
  self->claimed = calloc(n, sizeof *self->claimed);
  if (!self->sections || !self->watches || !self->claims || !self->claimed)
    return PLUG_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    if (config->section(host, i, &name) != PLUG_OK)
      return PLUG_EINTERNAL;
    plug_status status = load_section(self, config, i, name, err);
    if (status != PLUG_OK)
      return status;
    const struct watch_section *section = &self->sections[i];
    self->watches[i] = route_str(section->path.claim);
    if (!section->members.claim)
      continue;
    self->claims[self->n_claims] = (struct plug_claim){route_str(section->members.claim),
                                                       PLUG_APP_SEND | PLUG_APP_SUBSCRIBE, 0};
    self->claimed[self->n_claims++] = section;
  }
  if (!host->extension(host, PLUG_EXT_PRESENCE))
    return route_fault(err, "the broker in use cannot tell who is there: it has no presence");
  return PLUG_OK;
}

static void app_presence_destroy(void *arg)
{
  struct app_presence *self = arg;
  if (self->has_rooms)
    watch_rooms_fini(&self->rooms);
  for (size_t i = 0; i < self->n_sections; i++)
    watch_section_fini(&self->sections[i]);
  free(self->sections);
  free(self->watches);
  free(self->claims);
  free(self->claimed);
  free(self);
}

static plug_status app_presence_create(const struct plug_host *host, void **out,
                                       struct plug_err *err)
{
  struct app_presence *self = calloc(1, sizeof *self);
  if (!self) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  json_object_seed(0); /* before there are threads */
  self->host = host;
  plug_status status = load(self, err);
  if (status == PLUG_OK) {
    self->has_rooms = watch_rooms_init(&self->rooms, host, self->sections, self->n_sections);
    status = self->has_rooms ? PLUG_OK : PLUG_ENOMEM;
  }
  if (status == PLUG_OK) {
    *out = self;
    return PLUG_OK;
  }
  app_presence_destroy(self);
  return status;
}

static plug_status app_presence_start(void *arg, struct plug_op *op)
{
  struct app_presence *self = arg;
  (void)op;
  return watch_rooms_start(&self->rooms) ? PLUG_OK : PLUG_ENOMEM;
}

/* Counts that wait for their time are sent: there will be nobody else to send them. */
static plug_status app_presence_drain(void *arg, struct plug_op *op)
{
  struct app_presence *self = arg;
  (void)op;
  watch_rooms_drain(&self->rooms);
  return PLUG_OK;
}

static plug_status app_presence_stop(void *arg, struct plug_op *op)
{
  struct app_presence *self = arg;
  (void)op;
  watch_rooms_stop(&self->rooms);
  return PLUG_OK;
}

static void app_presence_claims(void *arg, struct plug_app_claims *out)
{
  const struct app_presence *self = arg;
  out->claims = self->claims;
  out->n_claims = self->n_claims;
  out->watches = self->watches;
  out->n_watches = self->n_sections;
}

static plug_status app_presence_request(void *arg, const struct plug_app_request *request,
                                        struct plug_op *op)
{
  struct app_presence *self = arg;
  return watch_listing_request(&self->rooms, self->claimed[request->claim], request, op);
}

static void app_presence_event(void *arg, const struct plug_app_event *event)
{
  struct app_presence *self = arg;
  watch_rooms_event(&self->rooms, event);
}

static void app_presence_changed(void *arg, const struct plug_presence_change *change)
{
  struct app_presence *self = arg;
  watch_rooms_changed(&self->rooms, change);
}

static const struct plug_presence_app presence_app = {
    .size = sizeof presence_app,
    .changed = app_presence_changed,
};

static const void *app_presence_extension(void *arg, const char *id)
{
  (void)arg;
  return strcmp(id, PLUG_EXT_PRESENCE) == 0 ? &presence_app : NULL;
}

static const struct plug_app app = {
    .size = sizeof app,
    .claims = app_presence_claims,
    .request = app_presence_request,
    .event = app_presence_event,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.app.presence",
    .version = "0.1.0",
    .summary = "tells rooms who joins, who leaves and how many are there",
    .app = &app,
    .create = app_presence_create,
    .start = app_presence_start,
    .drain = app_presence_drain,
    .stop = app_presence_stop,
    .destroy = app_presence_destroy,
    .extension = app_presence_extension,
};
