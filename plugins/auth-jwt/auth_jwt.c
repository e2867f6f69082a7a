/* auth-jwt: clients show a JSON Web Token. This file is the plugin's entry and joins its parts:
 *
 *   request ──► jwt_source ──► jwt_check, on a thread of the pool ──► grant or refuse
 *                                  ▲
 *               jwt_keys ──────────┘ (files, or jwt_fetch)
 *
 * A token that names a key which is not known waits while the keys are fetched, and is then judged
 * once more. All but jwt_check runs on the home thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>

#include "jwt_check.h"
#include "jwt_config.h"
#include "jwt_keys.h"
#include "jwt_known.h"
#include "jwt_text.h"

enum {
  START_MS = 4000,    /* the server gives a start 10 s and serves without keys too */
  MAX_WAITING = 4096, /* tokens that wait for keys; each is a client that is not read from */
};

struct auth_jwt {
  struct jwt_env env;
  struct jwt_config config;
  struct jwt_keys keys;
  struct jwt_known *known; /* NULL: known-tokens is 0 */
  struct plug_str credentials[2];
  struct plug_timer *start_timer;
  struct plug_op *start_op, *stop_op;
  struct job *waiting, **waiting_tail;
  size_t n_waiting, n_running;
  bool stopping;
};

/* One token being judged. The request is the host's and lives until the operation is completed. */
struct job {
  struct job *next; /* among those that wait */
  struct auth_jwt *self;
  struct plug_op *op;
  const struct plug_auth_request *request;
  struct plug_str token;
  struct jwt_keyset *keys; /* those it is judged by */
  bool judged, retried;
  struct jwt_verdict verdict;
};

static struct plug_str no_text(void)
{
  return (struct plug_str){NULL, 0};
}

static void done(struct auth_jwt *self, struct plug_op **op, plug_status status)
{
  struct plug_op *taken = *op;
  *op = NULL;
  if (taken != NULL)
    self->env.host->op_done(taken, status, no_text());
}

static void check_stopped(struct auth_jwt *self)
{
  if (self->stopping && self->n_running == 0 && self->keys.fetch == NULL &&
      self->keys.reload == NULL)
    done(self, &self->stop_op, PLUG_OK);
}

static void job_free(struct job *job)
{
  if (job->judged)
    jwt_verdict_fini(&job->verdict);
  jwt_keyset_unref(job->keys);
  free(job);
}

static void job_fail(struct job *job, plug_status status, const char *detail)
{
  job->self->env.host->op_done(job->op, status, jwt_str(detail));
  job_free(job);
}

/* ---- verdicts */

static void count_refusal(const struct jwt_env *env, enum jwt_reason reason)
{
  switch (reason) {
  case JWT_EXPIRED:
    jwt_count(env, JWT_M_EXPIRED);
    break;
  case JWT_SIGNATURE:
    jwt_count(env, JWT_M_REFUSED_SIGNATURE);
    break;
  case JWT_NO_KEY:
    jwt_count(env, JWT_M_NO_KEY);
    break;
  case JWT_OPAQUE:
  case JWT_ENCRYPTED:
  case JWT_TOO_LARGE:
  case JWT_MALFORMED:
  case JWT_UNSUPPORTED:
  case JWT_ALGORITHM:
    jwt_count(env, JWT_M_REFUSED_FORM);
    break;
  default:
    jwt_count(env, JWT_M_REFUSED_CLAIMS);
    break;
  }
}

static void refuse(struct auth_jwt *self, struct plug_op *op, const struct jwt_fault *fault)
{
  bool expired = fault->reason == JWT_EXPIRED;
  const struct plug_refusal refusal = {
      .size = sizeof refusal,
      .code = jwt_str(expired ? PLUG_CODE_EXPIRED : PLUG_CODE_FAILED),
      /* That it has expired is told always: it is how pages know that a new one would do. */
      .reason =
          self->config.explain || expired ? jwt_str(jwt_reason_text(fault->reason)) : no_text(),
      .detail = jwt_str(fault->detail)};
  count_refusal(&self->env, fault->reason);
  self->env.host->auth->refuse(op, &refusal);
}

static void refuse_busy(struct auth_jwt *self, struct plug_op *op, const char *detail)
{
  const struct plug_refusal refusal = {.size = sizeof refusal,
                                       .code = jwt_str(PLUG_CODE_BUSY),
                                       .reason = jwt_str("server is busy, try again"),
                                       .detail = jwt_str(detail)};
  jwt_count(&self->env, JWT_M_BUSY);
  self->env.host->auth->refuse(op, &refusal);
}

static void answer(struct job *job)
{
  struct auth_jwt *self = job->self;
  struct jwt_verdict *verdict = &job->verdict;
  const struct plug_identity *who = job->request->who;
  if (verdict->fault.reason == JWT_OK && job->request->stage == PLUG_STAGE_REFRESH &&
      (who == NULL || !jwt_str_eq(who->user, verdict->identity.who.user)))
    jwt_fail(&verdict->fault, JWT_USER, "the token is not of the user whose identity is renewed");
  if (verdict->fault.reason == JWT_NO_MEMORY) {
    self->env.host->op_done(job->op, PLUG_ENOMEM, jwt_str("out of memory"));
  } else if (verdict->fault.reason != JWT_OK) {
    refuse(self, job->op, &verdict->fault);
  } else {
    jwt_count(&self->env, JWT_M_ACCEPTED);
    self->env.host->auth->grant(job->op, &verdict->identity.who);
  }
  job_free(job);
}

/* ---- jobs */

static void job_work(void *arg) PLUG_NOEXCEPT
{
  struct job *job = arg;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  jwt_check(&job->self->config.policy, job->keys, job->token,
            (double)t.tv_sec + (double)t.tv_nsec / 1e9, &job->verdict);
}

static bool wait_for_keys(struct job *job)
{
  struct auth_jwt *self = job->self;
  if (self->n_waiting == MAX_WAITING)
    return false;
  job->next = NULL;
  *self->waiting_tail = job;
  self->waiting_tail = &job->next;
  self->n_waiting++;
  jwt_gauge(&self->env, JWT_M_WAITING, (int64_t)self->n_waiting);
  return true;
}

/* Might newer keys accept what these refuse? A token without a kid shows only by its signature that
 * its key is missing. */
static bool may_be_missing_a_key(const struct jwt_verdict *verdict)
{
  return verdict->fault.reason == JWT_NO_KEY ||
         (verdict->fault.reason == JWT_SIGNATURE && !verdict->has_kid);
}

static void job_run(struct job *job);

static void job_done(void *arg) PLUG_NOEXCEPT
{
  struct job *job = arg;
  struct auth_jwt *self = job->self;
  struct plug_str kid = jwt_str(job->verdict.kid);
  self->n_running--;
  job->judged = true;
  if (may_be_missing_a_key(&job->verdict) && !self->stopping) {
    bool first = !job->retried;
    job->retried = true;
    if (!first) {
      jwt_keys_missed(&self->keys, kid);
    } else if (job->keys != jwt_keys_set(&self->keys)) { /* newer ones have come meanwhile */
      job_run(job);
      return;
    } else if (jwt_keys_want(&self->keys, kid) && wait_for_keys(job)) {
      return;
    }
  }
  answer(job);
  check_stopped(self);
}

static void job_run(struct job *job)
{
  struct auth_jwt *self = job->self;
  if (job->judged)
    jwt_verdict_fini(&job->verdict);
  job->judged = false;
  jwt_keyset_unref(job->keys);
  job->keys = jwt_keyset_ref(jwt_keys_set(&self->keys));
  if (self->env.pool->run(self->env.host, job_work, job_done, job) == PLUG_OK) {
    self->n_running++;
    return;
  }
  refuse_busy(self, job->op, "the queue of the work pool is full");
  job_free(job);
}

static struct job *take_waiting(struct auth_jwt *self)
{
  struct job *list = self->waiting;
  self->waiting = NULL;
  self->waiting_tail = &self->waiting;
  self->n_waiting = 0;
  jwt_gauge(&self->env, JWT_M_WAITING, 0);
  return list;
}

static void on_keys_ended(void *arg, bool is_new)
{
  struct auth_jwt *self = arg;
  struct job *job = take_waiting(self), *next;
  for (; job != NULL; job = next) {
    next = job->next;
    if (is_new)
      job_run(job);
    else if (job->judged)
      answer(job);
    else
      job_fail(job, PLUG_EUNAVAIL, "there are no keys to verify the token with");
  }
  done(self, &self->start_op, PLUG_OK);
}

static void on_keys_idle(void *arg)
{
  check_stopped(arg);
}

static plug_status authenticate(void *arg, const struct plug_auth_request *request,
                                struct plug_op *op) PLUG_NOEXCEPT
{
  struct auth_jwt *self = arg;
  struct plug_str token = jwt_sources_find(&self->config.sources, request);
  if (token.ptr == NULL)
    return PLUG_DEFER;
  if (token.len > self->config.policy.max_token) {
    struct jwt_fault fault;
    jwt_fail(&fault, JWT_TOO_LARGE, "a token of %zu bytes is longer than max-token-size, %zu",
             token.len, self->config.policy.max_token);
    refuse(self, op, &fault);
    return PLUG_PENDING;
  }
  struct job *job = calloc(1, sizeof *job);
  if (job == NULL)
    return PLUG_ENOMEM;
  job->self = self;
  job->op = op;
  job->request = request;
  job->token = token;
  if (jwt_keys_set(&self->keys) != NULL) {
    job_run(job);
  } else if (!jwt_keys_want(&self->keys, no_text())) {
    free(job);
    jwt_count(&self->env, JWT_M_NO_KEY);
    return PLUG_EUNAVAIL;
  } else if (!wait_for_keys(job)) {
    refuse_busy(self, op, "too many tokens wait for keys");
    free(job);
  }
  return PLUG_PENDING;
}

/* The deadline has passed for somebody whose token waits for keys. */
static void cancel(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct auth_jwt *self = arg;
  for (struct job **link = &self->waiting; *link != NULL; link = &(*link)->next) {
    struct job *job = *link;
    if (job->op != op)
      continue;
    *link = job->next;
    if (self->waiting_tail == &job->next)
      self->waiting_tail = link;
    self->n_waiting--;
    jwt_gauge(&self->env, JWT_M_WAITING, (int64_t)self->n_waiting);
    job_fail(job, PLUG_ECANCELED, "the keys did not come in time");
    return;
  }
}

static plug_status authorize(void *arg, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op) PLUG_NOEXCEPT
{
  (void)arg;
  (void)request;
  (void)out;
  (void)op;
  return PLUG_DEFER; /* the rules decide; what the token allows is in the identity */
}

static void credentials(void *arg, struct plug_credentials *out) PLUG_NOEXCEPT
{
  struct auth_jwt *self = arg;
  size_t n = 0;
  if (jwt_sources_have(&self->config.sources, JWT_SOURCE_HEADER))
    self->credentials[n++] = jwt_str(self->config.sources.header);
  if (jwt_sources_have(&self->config.sources, JWT_SOURCE_PASSCODE))
    self->credentials[n++] = jwt_str("passcode");
  out->headers = self->credentials;
  out->n_headers = n;
  /* With room for "Bearer ", and for a token that is a little too long to be refused by its name.
   */
  out->max_bytes = self->config.policy.max_token + 64;
}

/* ---- life */

static void destroy(void *arg) PLUG_NOEXCEPT
{
  struct auth_jwt *self = arg;
  jwt_keys_fini(&self->keys);
  jwt_known_free(self->known);
  jwt_config_fini(&self->config);
  curl_global_cleanup();
  free(self);
}

static plug_status create(const struct plug_host *host, void **out,
                          struct plug_err *err) PLUG_NOEXCEPT
{
  static const struct jwt_keys_events events = {on_keys_ended, on_keys_idle};
  struct auth_jwt *self = calloc(1, sizeof *self);
  struct jwt_keyset *set = NULL;
  if (self == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    free(self);
    err->code = PLUG_ENOMEM;
    snprintf(err->text, sizeof err->text, "out of memory");
    return PLUG_ENOMEM;
  }
  self->waiting_tail = &self->waiting;
  jwt_env_init(&self->env, host);
  plug_status status = jwt_config_read(&self->config, &self->env, &set, err);
  if (status == PLUG_OK && self->env.pool == NULL) {
    status = err->code = PLUG_ENOTSUP;
    snprintf(err->text, sizeof err->text, "the server offers no work pool");
  }
  if (status == PLUG_OK && self->config.known_tokens > 0) {
    self->known = jwt_known_new(self->config.known_tokens, &self->env);
    if (self->known == NULL) {
      status = err->code = PLUG_ENOMEM;
      snprintf(err->text, sizeof err->text, "out of memory");
    }
  }
  jwt_keys_init(&self->keys, &self->env, &self->config, set, self->known, &events, self);
  if (status != PLUG_OK) {
    destroy(self);
    return status;
  }
  *out = self;
  return PLUG_OK;
}

/* A provider that is slow or down must not keep the server from starting. */
static void on_start_timer(void *arg) PLUG_NOEXCEPT
{
  struct auth_jwt *self = arg;
  if (self->start_op == NULL)
    return;
  jwt_log(&self->env, PLUG_LOG_WARN, "no answer with keys yet: starting without");
  done(self, &self->start_op, PLUG_OK);
}

static plug_status start(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct auth_jwt *self = arg;
  const struct plug_host *host = self->env.host;
  self->start_timer = host->timer_new(host, on_start_timer, self);
  if (self->start_timer == NULL)
    return PLUG_ENOMEM;
  plug_status status = jwt_keys_start(&self->keys);
  if (status != PLUG_OK || jwt_keys_set(&self->keys) != NULL)
    return status;
  self->start_op = op;
  host->timer_set(self->start_timer, START_MS);
  return PLUG_PENDING;
}

static plug_status stop(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct auth_jwt *self = arg;
  struct job *job = take_waiting(self), *next;
  self->stopping = true;
  for (; job != NULL; job = next) {
    next = job->next;
    job_fail(job, PLUG_ECANCELED, "the server stops");
  }
  if (self->start_timer != NULL)
    self->env.host->timer_free(self->start_timer);
  self->start_timer = NULL;
  done(self, &self->start_op, PLUG_ECANCELED);
  bool busy = jwt_keys_stop(&self->keys);
  if (!busy && self->n_running == 0)
    return PLUG_OK;
  self->stop_op = op;
  return PLUG_PENDING;
}

static const struct plug_auth auth = {
    .size = sizeof auth,
    .authenticate = authenticate,
    .authorize = authorize,
    .credentials = credentials,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,       .id = "plugboard.auth.jwt",
    .version = "0.1.0",     .summary = "Clients show a JSON Web Token",
    .options = jwt_options, .n_options = JWT_N_OPTIONS,
    .auth = &auth,          .create = create,
    .start = start,         .stop = stop,
    .destroy = destroy,     .cancel = cancel,
};
