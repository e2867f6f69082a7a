#include "hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hook_answer.h"
#include "hook_breaker.h"
#include "hook_call.h"
#include "hook_multi.h"
#include "hook_queue.h"
#include "hook_request.h"

enum {
  DELAY_MAX_MS = 30000,
  N_DELAYS = 13, /* 10 ms, doubled, is beyond DELAY_MAX_MS after twelve times */
};

struct job {
  struct hook_item item; /* first */
  struct hook *hook;
  struct plug_op *op; /* NULL: an event */
  enum hook_asked asked;
  uint64_t attempts;
  uint64_t due_ms; /* among the delayed */
  uint32_t round;  /* of the breaker */
  struct hook_call call;
  TAILQ_ENTRY(job) link; /* in one of flying, again, delayed */
  struct jobs *list;     /* which; NULL: in the queue */
  char id[HOOK_ID_SIZE];
  char *body;
  size_t len;
  char about[HOOK_SHOWN_SIZE]; /* the destination, for the log */
};
TAILQ_HEAD(jobs, job);

struct hook {
  struct hook_env *env;
  const struct hook_config *config;
  struct hook_multi *multi;
  struct plug_timer *timer; /* for the first of what waits for a time */
  struct hook_breaker breaker;
  struct hook_queue queue;
  struct jobs flying, again;     /* again: due, and before what is in the queue */
  struct jobs delayed[N_DELAYS]; /* by how long they wait: each is in order of due_ms */
  size_t n_flying, n_held;       /* n_held: all jobs */
  uint64_t bytes, n_publishing;
  bool draining, pumping;
  void (*idle)(void *ctx);
  void *ctx;
  struct hook_log_limit failures, bad_answers, lost, busy, trials;
};

static const char *what_of(const struct job *job)
{
  return job->asked == HOOK_ASKED_SEND        ? "SEND"
         : job->asked == HOOK_ASKED_SUBSCRIBE ? "SUBSCRIBE"
                                              : "event";
}

static uint64_t now_of(const struct hook *hook)
{
  return hook->env->host->now_ms(hook->env->host);
}

/* --- lists -------------------------------------------------------------------------------- */

static void move_to(struct job *job, struct jobs *list)
{
  if (job->list)
    TAILQ_REMOVE(job->list, job, link);
  job->list = list;
  if (list)
    TAILQ_INSERT_TAIL(list, job, link);
}

bool hook_is_idle(const struct hook *hook)
{
  return hook->n_held == 0 && hook->n_publishing == 0;
}

static void check_idle(struct hook *hook)
{
  if (hook->draining && hook_is_idle(hook))
    hook->idle(hook->ctx);
}

/* A job that is in no queue any more. */
static void job_free(struct job *job)
{
  struct hook *hook = job->hook;
  move_to(job, NULL);
  hook->n_held--;
  hook->bytes -= job->len;
  hook_gauge_add(hook->env, HOOK_M_QUEUED, -1);
  hook_gauge_add(hook->env, HOOK_M_QUEUED_BYTES, -(int64_t)job->len);
  free(job->body);
  free(job);
}

/* --- ends --------------------------------------------------------------------------------- */

struct refusal {
  const char *code, *reason;
};
static const struct refusal unavailable = {"unavailable",
                                           "the application is unavailable, try again later"};
static const struct refusal late = {"timeout", "the application did not answer in time"};
static const struct refusal bad_answer = {"bad-answer",
                                          "the application gave an answer that is not understood"};
static const struct refusal busy = {"busy", "too much waits for the application, try again later"};

static void refuse(struct hook *hook, struct plug_op *op, const struct refusal *refusal)
{
  struct plug_app_error error = {.size = sizeof error,
                                 .code = {refusal->code, strlen(refusal->code)},
                                 .reason = {refusal->reason, strlen(refusal->reason)}};
  struct plug_app_answer answer = {.size = sizeof answer, .error = &error};
  hook->env->host->app->answer(op, &answer);
}

static void lose_event(struct hook *hook, const char *id, const char *about, const char *why)
{
  hook_count(hook->env, HOOK_M_EVENTS_LOST);
  hook_log(hook->env, &hook->lost, PLUG_LOG_ERROR, "hook '%s': the event %s of '%s' is lost: %s",
           hook->config->name, id, about, why);
}

/* Ends a job that has failed for good. */
static void give_up(struct job *job, const struct refusal *refusal, const char *why)
{
  if (job->op)
    refuse(job->hook, job->op, refusal);
  else
    lose_event(job->hook, job->id, job->about, why);
  job_free(job);
}

static void on_published(void *arg, plug_status status) PLUG_NOEXCEPT
{
  struct hook *hook = arg;
  hook->n_publishing--;
  if (status < 0)
    hook_log(hook->env, &hook->failures, PLUG_LOG_WARN,
             "hook '%s': a message that the answer to an event wanted published was not taken by "
             "the broker: status %d",
             hook->config->name, status);
  check_idle(hook);
}

static void publish(struct job *job, const struct hook_answer *answer)
{
  struct hook *hook = job->hook;
  const struct plug_host *host = hook->env->host;
  for (size_t i = 0; i < answer->n_publishes; i++) {
    plug_status status = host->app->publish(host, &answer->messages[i], on_published, hook);
    if (status == PLUG_OK)
      hook->n_publishing++;
    else
      hook_log(hook->env, &hook->failures, PLUG_LOG_WARN,
               "hook '%s': the answer to the event %s could not be published: status %d",
               hook->config->name, job->id, status);
  }
}

/* Nothing of an answer is published if one message of it cannot be. */
static bool check_messages(const struct hook *hook, const struct job *job,
                           const struct hook_answer *answer, char why[HOOK_WHY])
{
  const struct plug_host *host = hook->env->host;
  char shown[HOOK_SHOWN_SIZE];
  size_t n = answer->n_publishes + answer->has_reply;
  for (size_t i = 0; i < n; i++) {
    struct plug_app_message message = answer->messages[i];
    bool is_reply = i == answer->n_publishes;
    if (is_reply && !message.destination.len) /* goes to the subscription that asked */
      message.destination = (struct plug_str){job->about, strlen(job->about)};
    plug_status status = host->app->check(host, &message);
    if (status == PLUG_OK || (is_reply && status == PLUG_EINVAL))
      continue;
    snprintf(why, HOOK_WHY, "the message to '%.150s' %s", hook_show(shown, message.destination),
             status == PLUG_EINVAL
                 ? "goes neither to the broker nor to a user"
                 : "is over a limit of the server, or has headers that are no text");
    return false;
  }
  return true;
}

/* Acts on an answer; false: it is none, and why says why. */
static bool deliver(struct job *job, const struct hook_call *call, char why[HOOK_WHY])
{
  struct hook *hook = job->hook;
  struct hook_answer parsed;
  char reason[200];
  if (!hook_answer_parse(&parsed, (struct plug_str){call->answer, call->len}, job->asked,
                         (size_t)hook->config->n[HOOK_MAX_MESSAGES], reason)) {
    snprintf(why, HOOK_WHY, "the answer is not understood: %s", reason);
    return false;
  }
  bool good = check_messages(hook, job, &parsed, why);
  if (good && job->op) {
    struct plug_app_answer answer = {
        .size = sizeof answer,
        .publishes = parsed.messages,
        .n_publishes = parsed.n_publishes,
        .reply = parsed.has_reply ? &parsed.messages[parsed.n_publishes] : NULL,
        .error = parsed.has_error ? &parsed.error : NULL};
    hook->env->host->app->answer(job->op, &answer);
  } else if (good) {
    publish(job, &parsed);
  }
  hook_answer_fini(&parsed);
  return good;
}

/* --- the breaker --------------------------------------------------------------------------- */

/* Who asks now is told at once instead of waiting for what does not come; events stay. */
static void refuse_waiting(struct hook *hook)
{
  struct hook_item *item;
  while ((item = hook_queue_first(&hook->queue, HOOK_REQUEST))) {
    hook_queue_remove(&hook->queue, item);
    hook_count(hook->env, HOOK_M_CUT_OFF);
    give_up((struct job *)item, &unavailable, "");
  }
  for (int i = -1; i < N_DELAYS; i++) {
    struct jobs *list = i < 0 ? &hook->again : &hook->delayed[i];
    struct job *job = TAILQ_FIRST(list), *next;
    for (; job; job = next) {
      next = TAILQ_NEXT(job, link);
      if (!job->op)
        continue;
      hook_queue_release(&hook->queue, &job->item);
      hook_count(hook->env, HOOK_M_CUT_OFF);
      give_up(job, &unavailable, "");
    }
  }
}

static void end_round(struct hook *hook, uint32_t round, bool good)
{
  struct hook_breaker *breaker = &hook->breaker;
  enum hook_breaker_state before = breaker->state;
  if (!hook_breaker_end(breaker, round, good, now_of(hook)))
    return;
  if (breaker->state == HOOK_OPEN && before == HOOK_CLOSED) {
    hook_count(hook->env, HOOK_M_OPENED);
    hook_gauge_add(hook->env, HOOK_M_OPEN, 1);
    hook_log(hook->env, NULL, PLUG_LOG_ERROR,
             "hook '%s': the circuit breaker opens after %" PRIu64
             " failures in a row: nobody asks %s for %" PRIu64 " ms",
             hook->config->name, breaker->failures, hook->config->url, breaker->pause_ms);
    refuse_waiting(hook);
  } else if (breaker->state == HOOK_OPEN) {
    hook_log(hook->env, &hook->trials, PLUG_LOG_WARN,
             "hook '%s': the trial has failed, the circuit breaker stays open", hook->config->name);
    refuse_waiting(hook);
  } else if (breaker->state == HOOK_CLOSED) {
    hook_gauge_add(hook->env, HOOK_M_OPEN, -1);
    hook_log(hook->env, NULL, PLUG_LOG_INFO,
             "hook '%s': the trial was answered, the circuit breaker closes", hook->config->name);
  }
}

/* --- calls --------------------------------------------------------------------------------- */

static void pump(struct hook *hook);

static bool is_retried(const struct hook *hook, const struct job *job, enum hook_outcome outcome)
{
  uint64_t retry = hook->config->n[HOOK_RETRY];
  if (outcome == HOOK_REFUSED || hook->draining || job->attempts > hook->config->n[HOOK_RETRIES])
    return false;
  if (!job->op)
    return retry != HOOK_RETRY_NONE;
  return retry == HOOK_RETRY_ALL && outcome != HOOK_BAD && hook->breaker.state == HOOK_CLOSED;
}

static void delay(struct hook *hook, struct job *job)
{
  uint64_t after_ms = hook->config->n[HOOK_RETRY_DELAY];
  size_t level = 0;
  while (level + 1 < job->attempts && level + 1 < N_DELAYS && after_ms < DELAY_MAX_MS) {
    after_ms *= 2;
    level++;
  }
  job->due_ms = now_of(hook) + (after_ms < DELAY_MAX_MS ? after_ms : DELAY_MAX_MS);
  move_to(job, &hook->delayed[level]);
}

static void count_outcome(struct hook *hook, enum hook_outcome outcome)
{
  switch (outcome) {
  case HOOK_ANSWERED:
  case HOOK_NOTHING:
    hook_count(hook->env, HOOK_M_ANSWERED);
    break;
  case HOOK_LATE:
    hook_count(hook->env, HOOK_M_TIMEOUTS);
    break;
  case HOOK_LOST:
  case HOOK_FAILING:
    hook_count(hook->env, HOOK_M_FAILED);
    break;
  case HOOK_REFUSED:
  case HOOK_BAD:
    hook_count(hook->env, HOOK_M_BAD_ANSWERS);
    break;
  }
}

/* What has become of the call of a job, which was in flight. */
static void end_call(struct job *job, CURLcode code)
{
  struct hook *hook = job->hook;
  char why[HOOK_WHY] = "";
  enum hook_outcome outcome = hook_call_judge(&job->call, code, why);
  move_to(job, NULL);
  hook->n_flying--;
  hook_gauge_add(hook->env, HOOK_M_IN_FLIGHT, -1);
  if (outcome == HOOK_ANSWERED && !deliver(job, &job->call, why))
    outcome = HOOK_BAD;
  bool good = outcome == HOOK_ANSWERED || outcome == HOOK_NOTHING;
  hook_call_end(&job->call);
  count_outcome(hook, outcome);
  if (!good)
    hook_log(hook->env, outcome == HOOK_BAD ? &hook->bad_answers : &hook->failures, PLUG_LOG_WARN,
             "hook '%s': the %s %s of '%s' failed (attempt %" PRIu64 "): %s", hook->config->name,
             what_of(job), job->id, job->about, job->attempts, why);
  /* A backend that says no is one that works. */
  end_round(hook, job->round, good || outcome == HOOK_REFUSED);
  if (!good && is_retried(hook, job, outcome)) {
    delay(hook, job);
  } else {
    hook_queue_release(&hook->queue, &job->item);
    if (good && job->op && outcome == HOOK_NOTHING)
      hook->env->host->op_done(job->op, PLUG_OK, (struct plug_str){NULL, 0});
    if (good)
      job_free(job);
    else
      give_up(job,
              outcome == HOOK_LATE                              ? &late
              : outcome == HOOK_LOST || outcome == HOOK_FAILING ? &unavailable
                                                                : &bad_answer,
              why);
  }
  pump(hook);
  check_idle(hook);
}

static void on_ended(void *ctx, CURL *easy, CURLcode code)
{
  char *job = NULL;
  (void)ctx;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &job);
  end_call((struct job *)(void *)job, code);
}

static uint64_t time_left(const struct hook *hook, const struct job *job)
{
  uint64_t timeout_ms = hook->config->n[HOOK_TIMEOUT];
  if (!job->op)
    return timeout_ms;
  uint64_t deadline_ms = hook->env->host->op_deadline_ms(job->op), now_ms = now_of(hook);
  if (deadline_ms <= now_ms)
    return 1;
  return deadline_ms - now_ms < timeout_ms ? deadline_ms - now_ms : timeout_ms;
}

/* Begins a call for a job whose lane is busy with it. */
static void begin_call(struct hook *hook, struct job *job)
{
  bool repeats = job->op ? hook->config->n[HOOK_RETRY] == HOOK_RETRY_ALL
                         : hook->config->n[HOOK_RETRY] != HOOK_RETRY_NONE;
  struct plug_str body = {job->body, job->len};
  move_to(job, NULL);
  if (!hook_call_begin(&job->call, hook->config, job->id, body, time_left(hook, job), repeats,
                       hook->env->host->server) ||
      curl_easy_setopt(job->call.easy, CURLOPT_PRIVATE, job) != CURLE_OK ||
      !hook_multi_add(hook->multi, job->call.easy)) {
    hook_call_end(&job->call);
    hook_queue_release(&hook->queue, &job->item);
    give_up(job, &busy, "out of memory");
    return;
  }
  job->round = hook_breaker_begin(&hook->breaker);
  if (job->attempts++)
    hook_count(hook->env, HOOK_M_RETRIES);
  hook_count(hook->env, HOOK_M_CALLS);
  hook->n_flying++;
  hook_gauge_add(hook->env, HOOK_M_IN_FLIGHT, 1);
  move_to(job, &hook->flying);
}

/* What waits for a time: the delayed, and those whom the breaker holds up. */
static void set_timer(struct hook *hook)
{
  uint64_t now_ms = now_of(hook), at_ms = UINT64_MAX;
  for (int i = 0; i < N_DELAYS; i++) {
    const struct job *job = TAILQ_FIRST(&hook->delayed[i]);
    if (job && job->due_ms < at_ms)
      at_ms = job->due_ms;
  }
  bool held_up = !TAILQ_EMPTY(&hook->again) || hook->queue.n_waiting;
  if (held_up && hook->breaker.state == HOOK_OPEN && hook->breaker.until_ms < at_ms)
    at_ms = hook->breaker.until_ms;
  if (at_ms == UINT64_MAX)
    hook->env->host->timer_stop(hook->timer);
  else
    hook->env->host->timer_set(hook->timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

static void pump(struct hook *hook)
{
  uint64_t now_ms = now_of(hook);
  if (hook->pumping) /* what it does may come back to it */
    return;
  hook->pumping = true;
  for (int i = 0; i < N_DELAYS; i++) {
    struct job *job;
    while ((job = TAILQ_FIRST(&hook->delayed[i])) && (job->due_ms <= now_ms || hook->draining))
      move_to(job, &hook->again);
  }
  while (hook->n_flying < hook->config->n[HOOK_CONCURRENCY] &&
         hook_breaker_lets(&hook->breaker, now_ms)) {
    struct job *job = TAILQ_FIRST(&hook->again);
    if (!job)
      job = (struct job *)hook_queue_take(&hook->queue);
    if (!job)
      break;
    begin_call(hook, job);
  }
  hook->pumping = false;
  set_timer(hook);
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct hook *hook = arg;
  pump(hook);
  check_idle(hook);
}

/* --- what comes in -------------------------------------------------------------------------- */

static struct hook_about about_of(const struct hook *hook, const char *id)
{
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  return (struct hook_about){.id = id,
                             .hook = hook->config->name,
                             .node = hook->env->host->node,
                             .now_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000};
}

static bool is_full(const struct hook *hook, size_t len)
{
  return hook->n_held - hook->n_flying >= hook->config->n[HOOK_QUEUE] ||
         hook->bytes + len > hook->config->n[HOOK_QUEUE_SIZE];
}

/* Takes over body. NULL when out of memory. */
static struct job *job_new(struct hook *hook, const char *id, char *body, size_t len,
                           struct plug_str destination)
{
  struct job *job = body ? calloc(1, sizeof *job) : NULL;
  if (!job) {
    free(body);
    return NULL;
  }
  job->hook = hook;
  job->body = body;
  job->len = len;
  memcpy(job->id, id, HOOK_ID_SIZE);
  hook_show(job->about, destination);
  hook->n_held++;
  hook->bytes += len;
  hook_gauge_add(hook->env, HOOK_M_QUEUED, 1);
  hook_gauge_add(hook->env, HOOK_M_QUEUED_BYTES, (int64_t)len);
  return job;
}

/* Whose turn it is decides the lane; false when out of memory. */
static bool enqueue(struct hook *hook, struct job *job, uint64_t session,
                    struct plug_str destination)
{
  enum hook_kind kind = job->op ? HOOK_REQUEST : HOOK_EVENT_KIND;
  struct plug_str key = {job->id, strlen(job->id)};
  if (hook->config->n[HOOK_ORDER] == HOOK_ORDER_DESTINATION && destination.len)
    key = destination;
  else if (hook->config->n[HOOK_ORDER] != HOOK_ORDER_NONE)
    key = (struct plug_str){(const char *)&session, sizeof session};
  return hook_queue_put(&hook->queue, &job->item, kind, key);
}

plug_status hook_request(struct hook *hook, const struct plug_app_request *request,
                         struct plug_op *op)
{
  char id[HOOK_ID_SIZE];
  if (!hook_breaker_lets(&hook->breaker, now_of(hook))) {
    hook_count(hook->env, HOOK_M_CUT_OFF);
    refuse(hook, op, &unavailable);
    return PLUG_PENDING;
  }
  if (is_full(hook, request->body.len)) {
    hook_count(hook->env, HOOK_M_BUSY);
    hook_log(hook->env, &hook->busy, PLUG_LOG_WARN,
             "hook '%s': refused a request: %zu wait already, of %" PRIu64 " bytes",
             hook->config->name, hook->n_held - hook->n_flying, hook->bytes);
    refuse(hook, op, &busy);
    return PLUG_PENDING;
  }
  size_t len = 0;
  hook_env_id(hook->env, id);
  struct hook_about about = about_of(hook, id);
  char *body = hook_request_json(&about, request, &len);
  struct job *job = job_new(hook, id, body, len, request->destination);
  if (!job)
    return PLUG_ENOMEM;
  job->asked = request->action == PLUG_APP_SUBSCRIBE ? HOOK_ASKED_SUBSCRIBE : HOOK_ASKED_SEND;
  job->op = op;
  if (!enqueue(hook, job, request->session, request->destination)) {
    job_free(job);
    return PLUG_ENOMEM;
  }
  pump(hook);
  return PLUG_PENDING;
}

void hook_event(struct hook *hook, const struct plug_app_event *event)
{
  char id[HOOK_ID_SIZE], shown[HOOK_SHOWN_SIZE];
  size_t len = 0;
  if (!(hook->config->events & HOOK_EVENT(event->kind)))
    return;
  struct plug_str what =
      event->kind == PLUG_APP_DISCONNECTED ? event->session_id : event->destination;
  hook_env_id(hook->env, id);
  if (is_full(hook, 0)) {
    lose_event(hook, id, hook_show(shown, what), "too many wait already");
    return;
  }
  struct hook_about about = about_of(hook, id);
  char *body = hook_event_json(&about, event, &len);
  struct job *job = job_new(hook, id, body, len, what);
  if (job) {
    job->asked = HOOK_ASKED_EVENT;
    if (enqueue(hook, job, event->session, event->destination)) {
      pump(hook);
      return;
    }
    job_free(job);
  }
  lose_event(hook, id, hook_show(shown, what), "out of memory");
}

/* --- giving up ------------------------------------------------------------------------------ */

/* Ends a call that is under way. */
static void stop_call(struct hook *hook, struct job *job)
{
  hook_multi_remove(hook->multi, job->call.easy);
  hook_call_end(&job->call);
  hook->n_flying--;
  hook_gauge_add(hook->env, HOOK_M_IN_FLIGHT, -1);
}

static struct job *find(struct hook *hook, const struct plug_op *op)
{
  struct hook_item *item;
  struct job *job;
  TAILQ_FOREACH(job, &hook->flying, link)
  if (job->op == op)
    return job;
  TAILQ_FOREACH(item, &hook->queue.waiting[HOOK_REQUEST], of_kind)
  if (((struct job *)item)->op == op)
    return (struct job *)item;
  for (int i = -1; i < N_DELAYS; i++)
    TAILQ_FOREACH(job, i < 0 ? &hook->again : &hook->delayed[i], link)
  if (job->op == op)
    return job;
  return NULL;
}

/* The job is in one of the lists or in the queue, and in none afterwards. */
static void take_out(struct hook *hook, struct job *job, bool is_failure)
{
  if (!job->list) {
    hook_queue_remove(&hook->queue, &job->item);
    return;
  }
  bool was_flying = job->list == &hook->flying;
  if (was_flying)
    stop_call(hook, job);
  move_to(job, NULL);
  hook_queue_release(&hook->queue, &job->item);
  if (was_flying && is_failure)
    end_round(hook, job->round, false);
}

bool hook_cancel(struct hook *hook, struct plug_op *op)
{
  struct job *job = find(hook, op);
  if (!job)
    return false;
  hook_count(hook->env, HOOK_M_TIMEOUTS);
  hook_log(hook->env, &hook->failures, PLUG_LOG_WARN,
           "hook '%s': the %s %s of '%s' was given up: its time is over", hook->config->name,
           what_of(job), job->id, job->about);
  take_out(hook, job, true);
  give_up(job, &late, "");
  pump(hook);
  check_idle(hook);
  return true;
}

static struct job *any_job(struct hook *hook)
{
  struct job *job = TAILQ_FIRST(&hook->flying);
  if (!job)
    job = TAILQ_FIRST(&hook->again);
  for (int i = 0; !job && i < N_DELAYS; i++)
    job = TAILQ_FIRST(&hook->delayed[i]);
  for (int kind = 0; !job && kind < HOOK_N_KINDS; kind++)
    job = (struct job *)hook_queue_first(&hook->queue, (enum hook_kind)kind);
  return job;
}

void hook_abort(struct hook *hook)
{
  static const struct refusal stopping = {"stopping", "the server is stopping"};
  struct job *job;
  hook->draining = true;
  hook->pumping = true; /* begin nothing more */
  while ((job = any_job(hook))) {
    take_out(hook, job, false);
    give_up(job, &stopping, "the server is stopping");
  }
}

void hook_drain(struct hook *hook)
{
  hook->draining = true;
  if (hook->breaker.state == HOOK_OPEN && !hook_breaker_lets(&hook->breaker, now_of(hook)))
    hook_abort(hook); /* the end does not wait for a backend that is down */
  else
    pump(hook);
}

/* --- life ----------------------------------------------------------------------------------- */

struct hook *hook_new(struct hook_env *env, const struct hook_config *config,
                      void (*idle)(void *ctx), void *ctx)
{
  struct hook *hook = calloc(1, sizeof *hook);
  if (!hook)
    return NULL;
  hook->env = env;
  hook->config = config;
  hook->idle = idle;
  hook->ctx = ctx;
  hook_breaker_init(&hook->breaker, config->n[HOOK_BREAKER_FAILURES],
                    config->n[HOOK_BREAKER_PAUSE]);
  hook_queue_init(&hook->queue);
  TAILQ_INIT(&hook->flying);
  TAILQ_INIT(&hook->again);
  for (int i = 0; i < N_DELAYS; i++)
    TAILQ_INIT(&hook->delayed[i]);
  return hook;
}

bool hook_start(struct hook *hook)
{
  const struct plug_host *host = hook->env->host;
  hook->multi = hook_multi_new(host, hook->config->n[HOOK_CONCURRENCY], on_ended, hook);
  hook->timer = host->timer_new(host, on_timer, hook);
  return hook->multi && hook->timer;
}

void hook_stop(struct hook *hook)
{
  hook_multi_free(hook->multi);
  if (hook->timer)
    hook->env->host->timer_free(hook->timer);
  hook->multi = NULL;
  hook->timer = NULL;
}

void hook_free(struct hook *hook)
{
  free(hook);
}
