/* SPDX-License-Identifier: MIT
 *
 * An application for tests that does what the headers of a SEND say:
 *
 *   to     destinations to publish the body to, between blanks
 *   reply  where the sender gets a description of the request
 *   error  a code; the reason is the header reason
 *   how    now (the default), later (from a timer), never, fail, done (op_done and no answer),
 *          take (PLUG_OK and no answer), hang (does not return for the milliseconds of the header
 *          time, then answers)
 *
 * It claims everything below /act for SEND and /room/{room}/{kind} for both; a SUBSCRIBE is
 * answered with the description. It watches /topic/watched/{name}, and says what it is told to
 * /topic/events.
 *
 * Compiled with SCRIPT_ANY its requests run on any thread. */
#include <plugboard/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct script {
  const struct plug_host *host;
};

#define TO_MAX 8

/* Everything that an answer needs, copied: it may come later. */
struct job {
  const struct plug_host *host;
  struct plug_op *op;
  struct plug_timer *timer;
  char to[TO_MAX][256];
  size_t n_to;
  char reply[256], error[64], reason[256], how[16], type[128], description[1024];
  size_t body_len;
  char body[];
};

static struct plug_str text(const char *s)
{
  return (struct plug_str){s, strlen(s)};
}

static plug_status script_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct script *script = calloc(1, sizeof *script);
  if (!script) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  script->host = host;
  *self = script;
  return PLUG_OK;
}

static void script_destroy(void *self)
{
  free(self);
}

static void script_claims(void *self, struct plug_app_claims *out)
{
  static struct plug_claim claims[2];
  static struct plug_str watches[1];
  (void)self;
  claims[0] = (struct plug_claim){text("/act/**"), PLUG_APP_SEND, 0};
  claims[1] =
      (struct plug_claim){text("/room/{room}/{kind}"), PLUG_APP_SEND | PLUG_APP_SUBSCRIBE, 0};
  watches[0] = text("/topic/watched/{name}");
  out->claims = claims;
  out->n_claims = 2;
  out->watches = watches;
  out->n_watches = 1;
}

static void copy(char *out, size_t size, struct plug_str s)
{
  snprintf(out, size, "%.*s", (int)s.len, s.ptr ? s.ptr : "");
}

static void header(const struct plug_app_request *request, const char *name, char *out, size_t size)
{
  for (size_t i = 0; i < request->n_headers; i++)
    if (request->headers[i].key.len == strlen(name) &&
        memcmp(request->headers[i].key.ptr, name, strlen(name)) == 0)
      copy(out, size, request->headers[i].value);
}

static void describe(const struct plug_app_request *request, char *out, size_t size)
{
  size_t n = (size_t)snprintf(
      out, size, "%s %.*s %.*s claim=%zu user=%.*s session=%.*s",
      request->action == PLUG_APP_SEND ? "SEND" : "SUBSCRIBE", (int)request->destination.len,
      request->destination.ptr, (int)request->path.len, request->path.ptr, request->claim,
      request->who ? (int)request->who->user.len : 1, request->who ? request->who->user.ptr : "-",
      (int)request->session_id.len, request->session_id.ptr);
  for (size_t i = 0; i < request->n_variables && n < size; i++)
    n += (size_t)snprintf(out + n, size - n, " %.*s=%.*s", (int)request->variables[i].key.len,
                          request->variables[i].key.ptr, (int)request->variables[i].value.len,
                          request->variables[i].value.ptr);
  for (size_t i = 0; i < request->n_headers && n < size; i++)
    n += (size_t)snprintf(out + n, size - n, "%s%.*s",
                          i ? "," : " headers=", (int)request->headers[i].key.len,
                          request->headers[i].key.ptr);
}

static void answer(struct job *job)
{
  struct plug_app_message publishes[TO_MAX];
  struct plug_str body = {job->body, job->body_len};
  struct plug_kv extra = {text("from"), text("script")};
  for (size_t i = 0; i < job->n_to; i++)
    publishes[i] = (struct plug_app_message){.destination = text(job->to[i]),
                                             .content_type = text(job->type),
                                             .body = body,
                                             .headers = &extra,
                                             .n_headers = 1};
  struct plug_app_message reply = {.destination = text(job->reply),
                                   .content_type = text("text/plain"),
                                   .body = text(job->description)};
  struct plug_app_error error = {.size = sizeof error,
                                 .code = text(job->error),
                                 .reason = text(job->reason),
                                 .detail = text("as the header says")};
  struct plug_app_answer all = {.size = sizeof all,
                                .publishes = publishes,
                                .n_publishes = job->n_to,
                                .reply = job->reply[0] ? &reply : NULL,
                                .error = job->error[0] ? &error : NULL};
  job->host->app->answer(job->op, &all);
}

static void job_free(struct job *job)
{
  if (job->timer)
    job->host->timer_free(job->timer);
  free(job);
}

static void on_timer(void *arg)
{
  struct job *job = arg;
  if (!strcmp(job->how, "done"))
    job->host->op_done(job->op, PLUG_OK, text(""));
  else if (!strcmp(job->how, "never"))
    job->host->op_done(job->op, PLUG_ECANCELED, text("too late for anybody"));
  else
    answer(job);
  job_free(job);
}

static void arm(void *arg)
{
  struct job *job = arg;
  job->timer = job->host->timer_new(job->host, on_timer, job);
  if (!job->timer)
    abort();
  job->host->timer_set(job->timer, !strcmp(job->how, "never") ? 2000 : 20);
}

static plug_status script_request(void *self, const struct plug_app_request *request,
                                  struct plug_op *op)
{
  const struct script *script = self;
  char to[512] = "", *rest = NULL;
  struct job *job = calloc(1, sizeof *job + request->body.len);
  if (!job)
    return PLUG_ENOMEM;
  job->host = script->host;
  job->op = op;
  header(request, "to", to, sizeof to);
  header(request, "reply", job->reply, sizeof job->reply);
  header(request, "error", job->error, sizeof job->error);
  header(request, "reason", job->reason, sizeof job->reason);
  header(request, "how", job->how, sizeof job->how);
  copy(job->type, sizeof job->type, request->content_type);
  for (char *word = strtok_r(to, " ", &rest); word && job->n_to < TO_MAX;
       word = strtok_r(NULL, " ", &rest))
    copy(job->to[job->n_to++], sizeof job->to[0], text(word));
  describe(request, job->description, sizeof job->description);
  if (request->action == PLUG_APP_SUBSCRIBE)
    copy(job->reply, sizeof job->reply, text("-"));
  job->body_len = request->body.len;
  if (job->body_len)
    memcpy(job->body, request->body.ptr, job->body_len);
  if (!strcmp(job->how, "hang")) {
    char time[16] = "";
    header(request, "time", time, sizeof time);
    long ms = atol(time);
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    job->how[0] = '\0';
  }
  if (!strcmp(job->how, "fail") || !strcmp(job->how, "take")) {
    plug_status status = job->how[0] == 'f' ? PLUG_EUNAVAIL : PLUG_OK;
    job_free(job);
    return status;
  }
  if (job->how[0] && strcmp(job->how, "now") != 0) {
    if (script->host->post(script->host, arm, job) != PLUG_OK) {
      job_free(job);
      return PLUG_ENOMEM;
    }
    return PLUG_PENDING;
  }
  answer(job);
  job_free(job);
  return PLUG_PENDING;
}

static void script_event(void *self, const struct plug_app_event *event)
{
  const struct script *script = self;
  static const char *const names[] = {"", "subscribed", "unsubscribed", "disconnected"};
  char line[512];
  snprintf(line, sizeof line, "%s %.*s id=%.*s user=%.*s name=%.*s", names[event->kind],
           (int)event->destination.len, event->destination.ptr ? event->destination.ptr : "",
           (int)event->subscription.len, event->subscription.ptr ? event->subscription.ptr : "",
           event->who ? (int)event->who->user.len : 1, event->who ? event->who->user.ptr : "-",
           event->n_variables ? (int)event->variables[0].value.len : 1,
           event->n_variables ? event->variables[0].value.ptr : "-");
  struct plug_app_message message = {
      .destination = text("/topic/events"), .content_type = text("text/plain"), .body = text(line)};
  script->host->app->publish(script->host, &message, NULL, NULL);
  if (event->kind != PLUG_APP_SUBSCRIBED)
    return;
  message.destination = event->destination; /* the new subscriber hears it, too */
  script->host->app->publish(script->host, &message, NULL, NULL);
}

#ifdef SCRIPT_ANY
#define FLAGS PLUG_APP_ANY
#else
#define FLAGS 0
#endif

static const struct plug_app script_app = {
    .size = sizeof script_app,
    .flags = FLAGS,
    .claims = script_claims,
    .request = script_request,
    .event = script_event,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.app.script",
    .version = "1",
    .summary = "does what the headers say",
    .app = &script_app,
    .create = script_create,
    .destroy = script_destroy,
};
