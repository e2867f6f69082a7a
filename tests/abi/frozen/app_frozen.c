/* An application of an older minor: what is sent to /loud/{room} is published to /topic/{room} with
 * the sender's name before it. Built with frozen headers only. */
#include <plugboard/plugin.h>

#include <stdio.h>
#include <stdlib.h>

struct frozen {
  const struct plug_host *host;
};

static plug_status frozen_create(const struct plug_host *host, void **out, struct plug_err *err)
{
  struct frozen *self = calloc(1, sizeof *self);
  (void)err;
  if (!self)
    return PLUG_ENOMEM;
  self->host = host;
  *out = self;
  return PLUG_OK;
}

static void frozen_destroy(void *arg)
{
  free(arg);
}

static void frozen_claims(void *arg, struct plug_app_claims *out)
{
  static const struct plug_claim claims[] = {{{"/loud/{room}", 12}, PLUG_APP_SEND, 0}};
  (void)arg;
  out->claims = claims;
  out->n_claims = 1;
}

static plug_status frozen_request(void *arg, const struct plug_app_request *request,
                                  struct plug_op *op)
{
  struct frozen *self = arg;
  char to[300], body[300];
  struct plug_str who = {"nobody", 6};
  if (request->who)
    who = request->who->user;
  int to_len = snprintf(to, sizeof to, "/topic/%.*s", (int)request->variables[0].value.len,
                        request->variables[0].value.ptr);
  int body_len = snprintf(body, sizeof body, "%.*s: %.*s", (int)who.len, who.ptr,
                          (int)request->body.len, request->body.ptr);
  struct plug_app_message message = {.destination = {to, (size_t)to_len},
                                     .body = {body, (size_t)body_len}};
  struct plug_app_answer answer = {.size = sizeof answer, .publishes = &message, .n_publishes = 1};
  self->host->app->answer(op, &answer);
  return PLUG_PENDING;
}

static const struct plug_app app = {
    .size = sizeof app, .claims = frozen_claims, .request = frozen_request};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.test.frozen-app",
    .version = "1",
    .summary = "An application of an older minor",
    .app = &app,
    .create = frozen_create,
    .destroy = frozen_destroy,
};
