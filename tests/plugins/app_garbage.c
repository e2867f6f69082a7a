/* SPDX-License-Identifier: MIT
 *
 * An application for tests that breaks the contract as the header "do" of a SEND below /bad says:
 *
 *   twice     answers twice                    returns   returns a status that is none
 *   over      completes what is long over      status    completes with a status that is none
 *   null      answers with nothing             lengths   answers with messages that are not there
 *   wild      completes what never was one     thread    asks for a timer on a thread of its own
 *   pending   answers, and returns a failure   keep      keeps the operation over stop
 *   well      does none of it
 *
 * What it has kept it completes in destroy, where it posts, publishes and asks for a timer, too.
 * With claim=on its claims are garbage. */
#include <plugboard/plugin.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct garbage {
  const struct plug_host *host;
  struct plug_op *kept, *over;
  int64_t claim;
};

static struct plug_str text(const char *s)
{
  return (struct plug_str){s, strlen(s)};
}

static plug_status garbage_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct garbage *garbage = calloc(1, sizeof *garbage);
  (void)err;
  if (!garbage)
    return PLUG_ENOMEM;
  garbage->host = host;
  host->cfg_i64(host, "claim", &garbage->claim);
  *self = garbage;
  return PLUG_OK;
}

static void nothing(void *arg)
{
  (void)arg;
}

static void garbage_destroy(void *self)
{
  struct garbage *garbage = self;
  const struct plug_host *host = garbage->host;
  struct plug_app_message message = {.destination = text("/topic/a")};
  if (garbage->kept) {
    host->op_done(garbage->kept, PLUG_OK, text("after stop"));
    host->post(host, nothing, NULL);
    host->timer_new(host, nothing, NULL);
    host->app->publish(host, &message, NULL, NULL);
  }
  free(garbage);
}

static void garbage_claims(void *self, struct plug_app_claims *out)
{
  static struct plug_claim claims[1];
  const struct garbage *garbage = self;
  claims[0] = (struct plug_claim){text("/bad/**"), PLUG_APP_SEND, 0};
  out->claims = garbage->claim ? NULL : claims;
  out->n_claims = 1;
}

static void *on_a_thread(void *arg)
{
  const struct plug_host *host = arg;
  if (host->timer_new(host, nothing, NULL))
    abort();
  return NULL;
}

static plug_status garbage_request(void *self, const struct plug_app_request *request,
                                   struct plug_op *op)
{
  struct garbage *garbage = self;
  const struct plug_host *host = garbage->host;
  struct plug_app_answer answer = {.size = sizeof answer};
  char what[16] = "";
  pthread_t thread;
  for (size_t i = 0; i < request->n_headers; i++)
    if (request->headers[i].key.len == 2 && memcmp(request->headers[i].key.ptr, "do", 2) == 0 &&
        request->headers[i].value.len < sizeof what)
      memcpy(what, request->headers[i].value.ptr, request->headers[i].value.len);
  if (strcmp(what, "returns") == 0)
    return 77;
  if (strcmp(what, "keep") == 0) {
    garbage->kept = op;
    return PLUG_PENDING;
  }
  if (strcmp(what, "status") == 0) {
    host->op_done(op, 4242, text(""));
    return PLUG_PENDING;
  }
  if (strcmp(what, "null") == 0) {
    host->app->answer(op, NULL);
    return PLUG_PENDING;
  }
  if (strcmp(what, "lengths") == 0) {
    answer.n_publishes = 9;
    host->app->answer(op, &answer);
    return PLUG_PENDING;
  }
  if (strcmp(what, "over") == 0 && garbage->over)
    host->op_done(garbage->over, PLUG_OK, text(""));
  if (strcmp(what, "wild") == 0)
    host->app->answer((struct plug_op *)(uintptr_t)-16, &answer);
  if (strcmp(what, "thread") == 0 &&
      pthread_create(&thread, NULL, on_a_thread, (void *)(uintptr_t)host) == 0)
    pthread_join(thread, NULL);
  garbage->over = op;
  host->app->answer(op, &answer);
  if (strcmp(what, "twice") == 0)
    host->op_done(op, PLUG_OK, text(""));
  return strcmp(what, "pending") == 0 ? PLUG_EINVAL : PLUG_PENDING;
}

static void garbage_cancel(void *self, struct plug_op *op)
{
  (void)self, (void)op;
}

static const struct plug_app garbage_app = {
    .size = sizeof garbage_app, .claims = garbage_claims, .request = garbage_request};

static const struct plug_option garbage_options[] = {
    {"claim", PLUG_OPT_BOOL, 0, "off", NULL, "Whether its claims are garbage."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.app.garbage",
    .version = "1",
    .summary = "breaks the contract",
    .options = garbage_options,
    .n_options = 1,
    .app = &garbage_app,
    .create = garbage_create,
    .cancel = garbage_cancel,
    .destroy = garbage_destroy,
};
