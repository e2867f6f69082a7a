/* The application that is written in the configuration: routes from what clients SEND to
 * destinations of the broker, with conditions and a template for the body. Its requests run on any
 * thread and are answered at once. */
#include <plugboard/ext/config.h>
#include <plugboard/plugin.h>

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "route.h"

struct app_route {
  const struct plug_host *host;
  struct route *routes;
  struct plug_claim *claims;
  size_t n;
};

static plug_status find_entry(const struct plug_host *host, const struct plug_config *config,
                              size_t section, const char *key, struct plug_kv *out, size_t *number)
{
  for (*number = 0; config->entry(host, section, *number, out) == PLUG_OK; ++*number)
    if (route_eq(out->key, key))
      return PLUG_OK;
  return PLUG_EINVAL;
}

static plug_status check_twice(const struct app_route *self, const struct route *route,
                               struct plug_err *err)
{
  for (size_t i = 0; i < self->n; i++)
    if (&self->routes[i] != route && strcmp(self->routes[i].path.claim, route->path.claim) == 0)
      return route_fault(err, "pattern: the route '%s' has the same", self->routes[i].name);
  return PLUG_OK;
}

static plug_status load_route(struct app_route *self, const struct plug_config *config,
                              size_t section, struct plug_str name, size_t keys,
                              struct plug_err *err)
{
  struct route *route = &self->routes[self->n];
  struct plug_kv entry;
  size_t number;
  if (find_entry(self->host, config, section, "pattern", &entry, &number) != PLUG_OK) {
    config->blame(self->host, section, SIZE_MAX);
    return route_fault(err, "has no pattern");
  }
  self->n++;
  config->blame(self->host, section, number);
  plug_status status = route_begin(route, name, entry.value, err);
  if (status == PLUG_OK)
    status = check_twice(self, route, err);
  for (number = 0;
       status == PLUG_OK && config->entry(self->host, section, number, &entry) == PLUG_OK;
       number++) {
    config->blame(self->host, section, number);
    status = route_set(route, entry, keys, err);
  }
  if (status != PLUG_OK)
    return status;
  config->blame(self->host, section, SIZE_MAX);
  if (!route->to)
    return route_fault(err, "has no 'to'");
  if (route->content_type && !route->body)
    return route_fault(err, "content-type: without a body the sender's is kept");
  return PLUG_OK;
}

static plug_status load(struct app_route *self, struct plug_err *err)
{
  const struct plug_host *host = self->host;
  const struct plug_config *config = host->extension(host, PLUG_EXT_CONFIG);
  struct plug_str name;
  int64_t keys;
  size_t n = 0;
  if (!config)
    return route_fault(err, "this server has no sections with names");
  host->cfg_i64(host, "max-rate-keys", &keys);
  while (config->section(host, n, &name) == PLUG_OK)
    n++;
  if (!n)
    return route_fault(err, "there is no route: each is a section, [app.route NAME]");
  self->routes = calloc(n, sizeof *self->routes);
  self->claims = calloc(n, sizeof *self->claims);
  if (!self->routes || !self->claims)
    return PLUG_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    if (config->section(host, i, &name) != PLUG_OK)
      return PLUG_EINTERNAL;
    plug_status status = load_route(self, config, i, name, (size_t)keys, err);
    if (status != PLUG_OK)
      return status;
    self->claims[i] = (struct plug_claim){route_str(self->routes[i].path.claim), PLUG_APP_SEND, 0};
  }
  return PLUG_OK;
}

static void app_route_destroy(void *arg)
{
  struct app_route *self = arg;
  for (size_t i = 0; i < self->n; i++)
    route_fini(&self->routes[i]);
  free(self->routes);
  free(self->claims);
  free(self);
}

static plug_status app_route_create(const struct plug_host *host, void **out, struct plug_err *err)
{
  struct app_route *self = calloc(1, sizeof *self);
  if (!self) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  json_object_seed(0); /* before there are threads */
  self->host = host;
  plug_status status = load(self, err);
  if (status == PLUG_OK) {
    *out = self;
    return PLUG_OK;
  }
  app_route_destroy(self);
  return status;
}

static void app_route_claims(void *arg, struct plug_app_claims *out)
{
  const struct app_route *self = arg;
  out->claims = self->claims;
  out->n_claims = self->n;
}

static plug_status app_route_request(void *arg, const struct plug_app_request *request,
                                     struct plug_op *op)
{
  const struct app_route *self = arg;
  struct route *route = &self->routes[request->claim];
  struct route_result result;
  struct route_refusal refusal;
  struct timespec wall, steady;
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_MONOTONIC, &steady);
  int64_t now_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
  uint64_t now_us = (uint64_t)steady.tv_sec * 1000000 + (uint64_t)steady.tv_nsec / 1000;
  struct plug_app_answer answer = {.size = sizeof answer};
  struct plug_app_error error = {.size = sizeof error};
  struct plug_app_message message = {0};
  if (route_run(route, request, now_ms, now_us, &result, &refusal)) {
    const char *type = route->content_type ? route->content_type : "application/json";
    message.destination = route_slice(result.destination, result.destination_len);
    message.content_type = result.body ? route_str(type) : request->content_type;
    message.body = result.body ? route_slice(result.body, result.body_len) : request->body;
    answer.publishes = &message;
    answer.n_publishes = 1;
  } else if (!refusal.code) {
    return PLUG_ENOMEM;
  } else {
    error.code = route_str(refusal.code);
    error.reason = route_str(refusal.reason);
    answer.error = &error;
  }
  self->host->app->answer(op, &answer);
  free(result.destination);
  free(result.body);
  return PLUG_PENDING;
}

static const struct plug_option options[] = {
    {"max-rate-keys", PLUG_OPT_INTEGER, 0, "65536", "8..16777216",
     "Senders or rooms that each rate of a route can tell apart; 16 bytes each."},
};

static const struct plug_app app = {
    .size = sizeof app,
    .flags = PLUG_APP_ANY,
    .claims = app_route_claims,
    .request = app_route_request,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.app.route",
    .version = "0.1.0",
    .summary = "routes messages by patterns and templates of the configuration",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .app = &app,
    .create = app_route_create,
    .destroy = app_route_destroy,
};
