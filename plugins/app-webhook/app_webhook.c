/* The application that asks others: each hook of the configuration hands what clients SEND and
 * SUBSCRIBE to, or who joins and leaves, to an HTTP backend, whose answer decides what becomes of
 * it. This file is the plugin's entry. All runs on the home thread. */
#include <stdio.h>
#include <stdlib.h>

#include <plugboard/plugin.h>

#include <curl/curl.h>
#include <jansson.h>

#include "hook.h"

enum { DRAIN_MS = 4000 }; /* the server gives it 5 s */

struct app_webhook {
  struct hook_env env;
  struct hook_configs configs;
  struct hook **hooks;
  struct plug_timer *timer; /* the end of draining's patience */
  struct plug_op *leaving;  /* drain or stop, which waits */
  bool stopping;
};

static bool is_idle(const struct app_webhook *self)
{
  for (size_t i = 0; i < self->configs.n; i++)
    if (!hook_is_idle(self->hooks[i]))
      return false;
  return true;
}

static void end_hooks(struct app_webhook *self)
{
  for (size_t i = 0; i < self->configs.n; i++)
    hook_stop(self->hooks[i]);
  if (self->timer)
    self->env.host->timer_free(self->timer);
  self->timer = NULL;
}

static void on_idle(void *ctx)
{
  struct app_webhook *self = ctx;
  struct plug_op *op = self->leaving;
  if (!op || !is_idle(self))
    return;
  self->leaving = NULL;
  if (self->timer)
    self->env.host->timer_stop(self->timer);
  if (self->stopping)
    end_hooks(self);
  self->env.host->op_done(op, PLUG_OK, (struct plug_str){NULL, 0});
}

static void abort_all(struct app_webhook *self)
{
  for (size_t i = 0; i < self->configs.n; i++)
    hook_abort(self->hooks[i]);
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  abort_all(self);
  on_idle(self);
}

/* --- what the server asks -------------------------------------------------------------------- */

static void app_webhook_claims(void *arg, struct plug_app_claims *out) PLUG_NOEXCEPT
{
  const struct app_webhook *self = arg;
  out->claims = self->configs.claims;
  out->n_claims = self->configs.n_claims;
  out->watches = self->configs.watches;
  out->n_watches = self->configs.n_watches;
}

static plug_status app_webhook_request(void *arg, const struct plug_app_request *request,
                                       struct plug_op *op) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  return hook_request(self->hooks[self->configs.claim_hooks[request->claim]], request, op);
}

static void app_webhook_event(void *arg, const struct plug_app_event *event) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  if (event->flags & PLUG_APP_STANDING)
    return; /* its backend was told when it began */
  if (event->kind != PLUG_APP_DISCONNECTED) {
    hook_event(self->hooks[self->configs.watch_hooks[event->watch]], event);
    return;
  }
  for (size_t i = 0; i < self->configs.n; i++)
    hook_event(self->hooks[i], event);
}

static void app_webhook_cancel(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  for (size_t i = 0; i < self->configs.n; i++)
    if (hook_cancel(self->hooks[i], op))
      return;
}

/* --- life ------------------------------------------------------------------------------------ */

static void app_webhook_destroy(void *arg) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  for (size_t i = 0; self->hooks && i < self->configs.n; i++)
    hook_free(self->hooks[i]);
  free(self->hooks);
  hook_configs_fini(&self->configs);
  curl_global_cleanup();
  free(self);
}

static bool make_hooks(struct app_webhook *self)
{
  self->hooks = calloc(self->configs.n, sizeof *self->hooks);
  for (size_t i = 0; self->hooks && i < self->configs.n; i++)
    if (!(self->hooks[i] = hook_new(&self->env, &self->configs.hooks[i], on_idle, self)))
      return false;
  return self->hooks != NULL;
}

static plug_status app_webhook_create(const struct plug_host *host, void **out,
                                      struct plug_err *err) PLUG_NOEXCEPT
{
  struct app_webhook *self = calloc(1, sizeof *self);
  err->code = PLUG_ENOMEM;
  snprintf(err->text, sizeof err->text, "out of memory");
  if (!self || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    free(self);
    return PLUG_ENOMEM;
  }
  json_object_seed(0); /* before there are threads */
  plug_status status = PLUG_OK;
  if (!hook_env_init(&self->env, host)) {
    snprintf(err->text, sizeof err->text, "the system gives no random numbers");
    status = err->code = PLUG_EINTERNAL;
  }
  if (status == PLUG_OK && (!host->app || !PLUG_HAS(host->app, check))) {
    snprintf(err->text, sizeof err->text, "this server is too old");
    status = err->code = PLUG_ENOTSUP;
  }
  if (status == PLUG_OK)
    status = hook_configs_read(&self->configs, &self->env, err);
  if (status == PLUG_OK && !make_hooks(self))
    status = PLUG_ENOMEM;
  if (status != PLUG_OK) {
    app_webhook_destroy(self);
    return status;
  }
  *out = self;
  return PLUG_OK;
}

static plug_status app_webhook_start(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  const struct plug_host *host = self->env.host;
  (void)op;
  self->timer = host->timer_new(host, on_timer, self);
  bool good = self->timer != NULL;
  for (size_t i = 0; i < self->configs.n; i++)
    good = hook_start(self->hooks[i]) && good;
  if (good)
    return PLUG_OK;
  end_hooks(self);
  return PLUG_ENOMEM;
}

static plug_status app_webhook_drain(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  for (size_t i = 0; i < self->configs.n; i++)
    hook_drain(self->hooks[i]);
  if (is_idle(self))
    return PLUG_OK;
  self->leaving = op;
  self->env.host->timer_set(self->timer, DRAIN_MS);
  return PLUG_PENDING;
}

static plug_status app_webhook_stop(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct app_webhook *self = arg;
  struct plug_op *draining = self->leaving;
  self->leaving = NULL;
  self->stopping = true;
  abort_all(self);
  if (draining)
    self->env.host->op_done(draining, PLUG_ECANCELED, (struct plug_str){NULL, 0});
  if (is_idle(self)) {
    end_hooks(self);
    return PLUG_OK;
  }
  self->leaving = op;
  return PLUG_PENDING;
}

static const struct plug_app app = {
    .size = sizeof app,
    .claims = app_webhook_claims,
    .request = app_webhook_request,
    .event = app_webhook_event,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.app.webhook",
    .version = "0.1.0",
    .summary = "lets HTTP backends answer",
    .options = hook_options,
    .n_options = HOOK_N_OPTIONS,
    .app = &app,
    .create = app_webhook_create,
    .start = app_webhook_start,
    .drain = app_webhook_drain,
    .stop = app_webhook_stop,
    .destroy = app_webhook_destroy,
    .cancel = app_webhook_cancel,
};
