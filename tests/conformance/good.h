/* A plugin that keeps the contract, of each kind, for the planted ones to be this one but for one
 * bug. A planted file defines what it does otherwise: PLANTED_X before the include replaces the
 * member x of the table or what is assigned to it. */
#ifndef TESTS_CONFORMANCE_GOOD_H
#define TESTS_CONFORMANCE_GOOD_H

#include <plugboard/plugin.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

/* An operation that is answered in the next turn of the loop. */
struct later {
  struct later *next;
  struct plug_op *op;
  const struct plug_msg *msg;
  struct good *good;
};

struct good {
  const struct plug_host *host;
  struct plug_timer *timer;
  struct later *laters;
  int stopping;
  pthread_t thread;
  int has_thread, fd;
  void *spare;
  char text[64];
};

UNUSED static struct plug_str str(const char *text)
{
  struct plug_str s = {text, strlen(text)};
  return s;
}

UNUSED static plug_status good_create(const struct plug_host *host, void **self,
                                      struct plug_err *err)
{
  struct good *good = calloc(1, sizeof *good);
  if (!good) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  good->host = host;
  good->fd = -1;
  *self = good;
  return PLUG_OK;
}

UNUSED static void good_destroy(void *self)
{
  free(self);
}

/* ---- Answers that come later ---- */

UNUSED static void later_done(struct later *later, plug_status status)
{
  struct good *good = later->good;
  for (struct later **at = &good->laters; *at; at = &(*at)->next)
    if (*at == later) {
      *at = later->next;
      break;
    }
  if (later->msg)
    good->host->msg_unref(later->msg);
  if (later->op)
    good->host->op_done(later->op, status, str(""));
  free(later);
}

UNUSED static void later_fire(void *self)
{
  struct good *good = self;
  while (good->laters)
    later_done(good->laters, PLUG_OK);
}

/* PLUG_PENDING, or why not. */
UNUSED static plug_status later_new(struct good *good, struct plug_op *op,
                                    const struct plug_msg *msg)
{
  struct later *later = calloc(1, sizeof *later);
  if (!later || good->host->post(good->host, later_fire, good)) {
    free(later);
    return PLUG_ENOMEM;
  }
  *later = (struct later){good->laters, op, msg, good};
  good->laters = later;
  if (msg)
    good->host->msg_ref(msg);
  return PLUG_PENDING;
}

UNUSED static void good_cancel(void *self, struct plug_op *op)
{
  struct good *good = self;
  for (struct later *later = good->laters; later; later = later->next)
    if (later->op == op) {
      later_done(later, PLUG_ECANCELED);
      return;
    }
}

/* ---- The life of it ---- */

UNUSED static plug_status good_start(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  return PLUG_OK;
}

UNUSED static plug_status good_stop(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  while (good->laters)
    later_done(good->laters, PLUG_ECANCELED);
  if (good->timer)
    good->host->timer_free(good->timer);
  good->timer = NULL;
  return PLUG_OK;
}

/* ---- A broker ---- */

UNUSED static plug_status good_interest(void *self, const struct plug_interest *v, size_t n,
                                        struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

/* Dropped for those who are behind: to the sender it is published all the same. */
UNUSED static plug_status good_deliver(const struct plug_host *host, const struct plug_msg *msg)
{
  plug_status status = host->broker->deliver(host, 0, msg);
  return status == PLUG_EUNAVAIL || status == PLUG_ENOMEM ? PLUG_EAGAIN : status;
}

UNUSED static plug_status good_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  return good_deliver(good->host, msg);
}

/* Delivers at once, and says so later. */
UNUSED static plug_status later_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  plug_status status = good_deliver(good->host, msg);
  return status || !op ? status : later_new(good, op, msg);
}

UNUSED static void good_health(void *self, struct plug_health *out)
{
  (void)self;
  out->state = PLUG_STATE_UP;
}

/* ---- An auth plugin: whoever is "check" may do all ---- */

UNUSED static plug_status good_authenticate(void *self, const struct plug_auth_request *request,
                                            struct plug_op *op)
{
  struct good *good = self;
  struct plug_identity who = {.size = sizeof who, .user = request->login};
  if (request->login.len != 5 || memcmp(request->login.ptr, "check", 5))
    return PLUG_DENY;
  good->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

UNUSED static plug_status good_authorize(void *self, const struct plug_authz_request *request,
                                         struct plug_decision *out, struct plug_op *op)
{
  (void)self, (void)request, (void)out, (void)op;
  return PLUG_ALLOW;
}

/* ---- An application that publishes what it is sent ---- */

static const struct plug_claim good_claim_list[] = {
    {{"/say/{room}", 11}, PLUG_APP_SEND | PLUG_APP_SUBSCRIBE, 0}};

UNUSED static void good_claims(void *self, struct plug_app_claims *out)
{
  (void)self;
  out->claims = good_claim_list;
  out->n_claims = 1;
}

UNUSED static plug_status good_request(void *self, const struct plug_app_request *request,
                                       struct plug_op *op)
{
  struct good *good = self;
  struct plug_app_message message = {.destination = str("/topic/said"), .body = request->body};
  struct plug_app_answer answer = {.size = sizeof answer, .publishes = &message, .n_publishes = 1};
  good->host->app->answer(op, &answer);
  return PLUG_PENDING;
}

/* ---- The tables ---- */

#ifndef PLANTED_CAPS
#define PLANTED_CAPS (PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_ACK | PLUG_CAP_NO_GAPS)
#endif
#ifndef PLANTED_SUBSCRIBE
#define PLANTED_SUBSCRIBE good_interest
#endif
#ifndef PLANTED_UNSUBSCRIBE
#define PLANTED_UNSUBSCRIBE good_interest
#endif
#ifndef PLANTED_PUBLISH
#define PLANTED_PUBLISH good_publish
#endif
#ifndef PLANTED_HEALTH
#define PLANTED_HEALTH good_health
#endif
#ifndef PLANTED_FLOW
#define PLANTED_FLOW NULL
#endif
#ifndef PLANTED_AUTHENTICATE
#define PLANTED_AUTHENTICATE good_authenticate
#endif
#ifndef PLANTED_AUTHORIZE
#define PLANTED_AUTHORIZE good_authorize
#endif
#ifndef PLANTED_AUTH_FLAGS
#define PLANTED_AUTH_FLAGS 0
#endif
#ifndef PLANTED_SESSION_END
#define PLANTED_SESSION_END NULL
#endif
#ifndef PLANTED_CLAIMS
#define PLANTED_CLAIMS good_claims
#endif
#ifndef PLANTED_REQUEST
#define PLANTED_REQUEST good_request
#endif
#ifndef PLANTED_EVENT
#define PLANTED_EVENT NULL
#endif
#ifndef PLANTED_APP_FLAGS
#define PLANTED_APP_FLAGS 0
#endif
#ifndef PLANTED_CREATE
#define PLANTED_CREATE good_create
#endif
#ifndef PLANTED_START
#define PLANTED_START good_start
#endif
#ifndef PLANTED_DRAIN
#define PLANTED_DRAIN NULL
#endif
#ifndef PLANTED_STOP
#define PLANTED_STOP good_stop
#endif
#ifndef PLANTED_DESTROY
#define PLANTED_DESTROY good_destroy
#endif
#ifndef PLANTED_CANCEL
#define PLANTED_CANCEL good_cancel
#endif
#ifndef PLANTED_EXTENSION
#define PLANTED_EXTENSION NULL
#endif
#ifndef PLANTED_OPTIONS
#define PLANTED_OPTIONS   NULL
#define PLANTED_N_OPTIONS 0
#endif

/* To be written after the planted functions: PLANT_BROKER, PLANT_AUTH or PLANT_APP. */
#define PLANT_BROKER                         \
  static const struct plug_broker broker = { \
      .size = sizeof broker,                 \
      .caps = PLANTED_CAPS,                  \
      .subscribe = PLANTED_SUBSCRIBE,        \
      .unsubscribe = PLANTED_UNSUBSCRIBE,    \
      .publish = PLANTED_PUBLISH,            \
      .health = PLANTED_HEALTH,              \
      .flow = PLANTED_FLOW,                  \
  };                                         \
  PLANT(.broker = &broker)
#define PLANT_AUTH                          \
  static const struct plug_auth auth = {    \
      .size = sizeof auth,                  \
      .flags = PLANTED_AUTH_FLAGS,          \
      .authenticate = PLANTED_AUTHENTICATE, \
      .authorize = PLANTED_AUTHORIZE,       \
      .session_end = PLANTED_SESSION_END,   \
  };                                        \
  PLANT(.auth = &auth)
#define PLANT_APP                      \
  static const struct plug_app app = { \
      .size = sizeof app,              \
      .flags = PLANTED_APP_FLAGS,      \
      .claims = PLANTED_CLAIMS,        \
      .request = PLANTED_REQUEST,      \
      .event = PLANTED_EVENT,          \
  };                                   \
  PLANT(.app = &app)
#define PLANT(...)                        \
  const struct plug_plugin PLUG_ENTRY = { \
      PLUG_PLUGIN_HEAD,                   \
      .id = "org.example.planted",        \
      .version = "1",                     \
      .summary = "good but for one bug",  \
      .options = PLANTED_OPTIONS,         \
      .n_options = PLANTED_N_OPTIONS,     \
      __VA_ARGS__,                        \
      .create = PLANTED_CREATE,           \
      .start = PLANTED_START,             \
      .drain = PLANTED_DRAIN,             \
      .stop = PLANTED_STOP,               \
      .destroy = PLANTED_DESTROY,         \
      .cancel = PLANTED_CANCEL,           \
      .extension = PLANTED_EXTENSION,     \
  }

#endif
