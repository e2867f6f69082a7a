/* SPDX-License-Identifier: MIT
 *
 * A small but complete application to start from: what is sent to /rooms/ROOM below the application
 * prefix is published to /topic/rooms/ROOM with the sender's name before it, and each room's count
 * of messages is the answer to a SUBSCRIBE. It is written in what C11, C17, C++17 (of GCC and
 * Clang) and C++20 have in common. */
#include <plugboard/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct template_app {
  const struct plug_host *host;
  size_t max_text;
  uint64_t n_messages; /* of the home thread, which makes all calls: no lock */
};

static struct plug_str str(const char *text)
{
  struct plug_str s = {text, strlen(text)};
  return s;
}

/* Checks the configuration and allocates. No network, no threads, no timers yet. */
static plug_status template_create(const struct plug_host *host, void **out,
                                   struct plug_err *err) PLUG_NOEXCEPT
{
  int64_t max_text = 0;
  struct template_app *self = (struct template_app *)calloc(1, sizeof *self);
  if (!self)
    return err->code = PLUG_ENOMEM;
  self->host = host;
  host->cfg_i64(host, "max-text", &max_text);
  self->max_text = (size_t)max_text;
  *out = self;
  return PLUG_OK;
}

static void template_destroy(void *arg) PLUG_NOEXCEPT
{
  free(arg);
}

static void template_claims(void *arg, struct plug_app_claims *out) PLUG_NOEXCEPT
{
  static const struct plug_claim claims[] = {
      {{"/rooms/{room}", 13}, PLUG_APP_SEND, 0},
      {{"/count", 6}, PLUG_APP_SUBSCRIBE, 0},
  };
  (void)arg;
  out->claims = claims;
  out->n_claims = sizeof claims / sizeof claims[0];
}

static void answer_error(const struct plug_host *host, struct plug_op *op, const char *code,
                         const char *reason)
{
  struct plug_app_error error = {(uint32_t)sizeof error, 0, str(code), str(reason), {NULL, 0}};
  struct plug_app_answer answer = {(uint32_t)sizeof answer, 0, NULL, 0, NULL, &error};
  host->app->answer(op, &answer);
}

static void answer_count(struct template_app *self, struct plug_op *op)
{
  char body[32];
  snprintf(body, sizeof body, "%llu", (unsigned long long)self->n_messages);
  struct plug_app_message reply = {{NULL, 0}, str("text/plain"), str(body), NULL, 0};
  struct plug_app_answer answer = {(uint32_t)sizeof answer, 0, NULL, 0, &reply, NULL};
  self->host->app->answer(op, &answer);
}

/* Everything of the answer is copied, so that the stack will do. */
static void answer_room(struct template_app *self, const struct plug_app_request *request,
                        struct plug_op *op)
{
  struct plug_str user = request->who ? request->who->user : str("somebody");
  struct plug_str room = request->variables[0].value;
  size_t to_size = room.len + sizeof "/topic/rooms/", body_size = user.len + request->body.len + 3;
  char *to = (char *)malloc(to_size + body_size), *body = to + to_size;
  if (!to) {
    self->host->op_done(op, PLUG_ENOMEM, str("a message of a room"));
    return;
  }
  memcpy(to, "/topic/rooms/", to_size - room.len);
  memcpy(to + to_size - room.len - 1, room.ptr, room.len);
  memcpy(body, user.ptr, user.len);
  memcpy(body + user.len, ": ", 2);
  if (request->body.len)
    memcpy(body + user.len + 2, request->body.ptr, request->body.len);
  struct plug_app_message message = {
      {to, to_size - 1}, str("text/plain"), {body, body_size - 1}, NULL, 0};
  struct plug_app_answer answer = {(uint32_t)sizeof answer, 0, &message, 1, NULL, NULL};
  self->n_messages++;
  self->host->app->answer(op, &answer);
  free(to);
}

static plug_status template_request(void *arg, const struct plug_app_request *request,
                                    struct plug_op *op) PLUG_NOEXCEPT
{
  struct template_app *self = (struct template_app *)arg;
  if (request->claim == 1)
    answer_count(self, op);
  else if (request->body.len > self->max_text)
    answer_error(self->host, op, "too-long", "a message of a room is too long");
  else
    answer_room(self, request, op);
  return PLUG_PENDING;
}

static const struct plug_app template_table = {
    .size = (uint32_t)sizeof template_table,
    .flags = 0,
    .claims = template_claims,
    .request = template_request,
};

/* What an operator may write in [app.template]; the server checks it against this table, and
 * --plugin-info prints it. Name, type, flags (PLUG_OPT_REQUIRED), default, range, help. */
static const struct plug_option template_options[] = {
    {"max-text", PLUG_OPT_BYTES, 0, "1k", "1..64k", "Longest text that a room takes."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.app.template",
    .version = "0.1.0",
    .summary = "an application to start from",
    .options = template_options,
    .n_options = sizeof template_options / sizeof template_options[0],
    .app = &template_table,
    .create = template_create,
    .destroy = template_destroy,
};
