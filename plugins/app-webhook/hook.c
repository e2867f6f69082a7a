#include "hook.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hook_breaker.h"
#include "hook_delivery.h"
#include "hook_jobs.h"
#include "hook_multi.h"
#include "hook_request.h"

struct hook {
  struct hook_env *env;
  const struct hook_config *config;
  struct hook_multi *multi;
  struct plug_timer *timer; /* for the first of what waits for a time */
  struct hook_breaker breaker;
  struct hook_jobs jobs;
  struct hook_delivery delivery;
  bool draining, pumping;
  void (*idle)(void *ctx);
  void *ctx;
  struct host_log_limit failures, bad_answers, lost, busy, trials;
};

static uint64_t now_of(const struct hook *hook)
{
  return hook->env->host->now_ms(hook->env->host);
}

bool hook_is_idle(const struct hook *hook)
{
  return hook->jobs.n_held == 0 && hook->delivery.n_publishing == 0;
}

static void check_idle(struct hook *hook)
{
  if (hook->draining && hook_is_idle(hook))
    hook->idle(hook->ctx);
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

static void lose_event(struct hook *hook, const char *id, struct plug_str about, const char *why)
{
  char shown[HOOK_SHOWN_SIZE];
  hook_count(hook->env, HOOK_M_EVENTS_LOST);
  hook_log(hook->env, &hook->lost, PLUG_LOG_ERROR, "hook '%s': the event %s of '%s' is lost: %s",
           hook->config->name, id, hook_show(shown, about), why);
}

/* Ends a job that has failed for good. */
static void give_up(struct hook_job *job, const struct refusal *refusal, const char *why)
{
  if (job->op)
    refuse(job->hook, job->op, refusal);
  else
    lose_event(job->hook, job->id, job->about, why);
  hook_job_free(&job->hook->jobs, job);
}

/* --- the breaker --------------------------------------------------------------------------- */

/* Who asks now is told at once instead of waiting for what does not come; events stay. */
static void refuse_waiting(struct hook *hook)
{
  struct hook_job_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
  struct hook_job *job;
  hook_jobs_take_requests(&hook->jobs, &waiting);
  while ((job = TAILQ_FIRST(&waiting))) {
    hook_count(hook->env, HOOK_M_CUT_OFF);
    give_up(job, &unavailable, "");
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

/* Does it tell of the backend that this call was not answered in the time that it had? Not if its
 * job had used up some of that by waiting: a backend is not down for being slow. A trial has to
 * have an outcome in any case, or there would be no other one. */
static bool is_telling(const struct hook *hook, const struct hook_job *job)
{
  return !job->is_short || hook->breaker.state == HOOK_TRIAL;
}

static bool is_retried(const struct hook *hook, const struct hook_job *job,
                       enum hook_outcome outcome)
{
  uint64_t retry = hook->config->n[HOOK_RETRY];
  if (outcome == HOOK_REFUSED || hook->draining || job->attempts > hook->config->n[HOOK_RETRIES])
    return false;
  if (!job->op)
    return retry != HOOK_RETRY_NONE;
  return retry == HOOK_RETRY_ALL && outcome != HOOK_BAD && hook->breaker.state == HOOK_CLOSED;
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
static void end_call(struct hook_job *job, CURLcode code)
{
  struct hook *hook = job->hook;
  char why[HOOK_WHY] = "", shown[HOOK_SHOWN_SIZE];
  enum hook_outcome outcome = hook_call_judge(&job->call, code, why);
  hook_job_move(job, NULL);
  hook->jobs.n_flying--;
  hook_gauge_add(hook->env, HOOK_M_IN_FLIGHT, -1);
  if (outcome == HOOK_ANSWERED && !hook_deliver(&hook->delivery, job, why))
    outcome = HOOK_BAD;
  bool good = outcome == HOOK_ANSWERED || outcome == HOOK_NOTHING;
  hook_call_end(&job->call);
  count_outcome(hook, outcome);
  if (!good)
    hook_log(hook->env, outcome == HOOK_BAD ? &hook->bad_answers : &hook->failures, PLUG_LOG_WARN,
             "hook '%s': the %s %s of '%s' failed (attempt %" PRIu64 "): %s", hook->config->name,
             hook_job_what(job), job->id, hook_show(shown, job->about), job->attempts, why);
  /* A backend that says no is one that works. */
  if (outcome != HOOK_LATE || is_telling(hook, job))
    end_round(hook, job->round, good || outcome == HOOK_REFUSED);
  if (!good && is_retried(hook, job, outcome)) {
    hook_job_delay(&hook->jobs, job, now_of(hook));
  } else {
    hook_queue_release(&hook->jobs.queue, &job->item);
    if (good && job->op && outcome == HOOK_NOTHING)
      hook->env->host->op_done(job->op, PLUG_OK, (struct plug_str){NULL, 0});
    if (good)
      hook_job_free(&hook->jobs, job);
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
  end_call((struct hook_job *)(void *)job, code);
}

static uint64_t time_left(const struct hook *hook, const struct hook_job *job, uint64_t now_ms)
{
  uint64_t timeout_ms = hook->config->n[HOOK_TIMEOUT];
  if (!job->op)
    return timeout_ms;
  uint64_t deadline_ms = hook->env->host->op_deadline_ms(job->op);
  if (deadline_ms <= now_ms)
    return 1;
  return deadline_ms - now_ms < timeout_ms ? deadline_ms - now_ms : timeout_ms;
}

/* Begins a call for a job whose lane is busy with it. */
static void begin_call(struct hook *hook, struct hook_job *job, uint64_t now_ms)
{
  uint64_t left_ms = time_left(hook, job, now_ms);
  bool repeats = job->op ? hook->config->n[HOOK_RETRY] == HOOK_RETRY_ALL
                         : hook->config->n[HOOK_RETRY] != HOOK_RETRY_NONE;
  struct plug_str body = {job->body, job->len};
  if (!hook_call_begin(&job->call, hook->config, job->id, body, left_ms, repeats,
                       hook->env->host->server) ||
      curl_easy_setopt(job->call.easy, CURLOPT_PRIVATE, job) != CURLE_OK ||
      !hook_multi_add(hook->multi, job->call.easy)) {
    hook_call_end(&job->call);
    hook_queue_release(&hook->jobs.queue, &job->item);
    give_up(job, &busy, "out of memory");
    return;
  }
  job->round = hook_breaker_begin(&hook->breaker);
  job->is_short = left_ms < job->most_ms;
  if (job->attempts++)
    hook_count(hook->env, HOOK_M_RETRIES);
  hook_count(hook->env, HOOK_M_CALLS);
  hook->jobs.n_flying++;
  hook_gauge_add(hook->env, HOOK_M_IN_FLIGHT, 1);
  hook_job_move(job, &hook->jobs.flying);
}

/* What waits for a time: the delayed, and those whom the breaker holds up. */
static void set_timer(struct hook *hook)
{
  uint64_t now_ms = now_of(hook), at_ms = hook_jobs_wake_ms(&hook->jobs);
  if (hook_jobs_are_ready(&hook->jobs) && hook->breaker.state == HOOK_OPEN &&
      hook->breaker.until_ms < at_ms)
    at_ms = hook->breaker.until_ms;
  if (at_ms == UINT64_MAX)
    hook->env->host->timer_stop(hook->timer);
  else
    hook->env->host->timer_set(hook->timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

static void pump_at(struct hook *hook, uint64_t now_ms)
{
  if (hook->pumping) /* what it does may come back to it */
    return;
  hook->pumping = true;
  hook_jobs_wake(&hook->jobs, now_ms, hook->draining);
  while (hook->jobs.n_flying < hook->config->n[HOOK_CONCURRENCY] &&
         hook_breaker_lets(&hook->breaker, now_ms)) {
    struct hook_job *job = hook_jobs_take(&hook->jobs);
    if (!job)
      break;
    begin_call(hook, job, now_ms);
  }
  hook->pumping = false;
  set_timer(hook);
}

static void pump(struct hook *hook)
{
  pump_at(hook, now_of(hook));
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

plug_status hook_request(struct hook *hook, const struct plug_app_request *request,
                         struct plug_op *op)
{
  char id[HOOK_ID_SIZE];
  if (!hook_breaker_lets(&hook->breaker, now_of(hook))) {
    hook_count(hook->env, HOOK_M_CUT_OFF);
    refuse(hook, op, &unavailable);
    return PLUG_PENDING;
  }
  if (hook_jobs_are_full(&hook->jobs, request->body.len)) {
    hook_count(hook->env, HOOK_M_BUSY);
    hook_log(hook->env, &hook->busy, PLUG_LOG_WARN,
             "hook '%s': refused a request: %zu wait already, of %" PRIu64 " bytes",
             hook->config->name, hook->jobs.n_held - hook->jobs.n_flying, hook->jobs.bytes);
    refuse(hook, op, &busy);
    return PLUG_PENDING;
  }
  size_t len = 0;
  hook_env_id(hook->env, id);
  struct hook_about about = about_of(hook, id);
  char *body = hook_request_json(&about, request, &len);
  struct hook_job *job = hook_job_new(&hook->jobs, id, body, len, request->destination);
  if (!job)
    return PLUG_ENOMEM;
  job->asked = request->action == PLUG_APP_SUBSCRIBE ? HOOK_ASKED_SUBSCRIBE : HOOK_ASKED_SEND;
  job->op = op;
  uint64_t now_ms = now_of(hook);
  job->most_ms = time_left(hook, job, now_ms);
  if (!hook_job_enqueue(&hook->jobs, job, request->session, request->destination)) {
    hook_job_free(&hook->jobs, job);
    return PLUG_ENOMEM;
  }
  pump_at(hook, now_ms);
  return PLUG_PENDING;
}

void hook_event(struct hook *hook, const struct plug_app_event *event)
{
  char id[HOOK_ID_SIZE];
  size_t len = 0;
  if (!(hook->config->events & HOOK_EVENT(event->kind)))
    return;
  struct plug_str what =
      event->kind == PLUG_APP_DISCONNECTED ? event->session_id : event->destination;
  hook_env_id(hook->env, id);
  if (hook_jobs_are_full(&hook->jobs, 0)) {
    lose_event(hook, id, what, "too many wait already");
    return;
  }
  struct hook_about about = about_of(hook, id);
  char *body = hook_event_json(&about, event, &len);
  struct hook_job *job = hook_job_new(&hook->jobs, id, body, len, what);
  if (job) {
    job->asked = HOOK_ASKED_EVENT;
    if (hook_job_enqueue(&hook->jobs, job, event->session, event->destination)) {
      pump(hook);
      return;
    }
    hook_job_free(&hook->jobs, job);
  }
  lose_event(hook, id, what, "out of memory");
}

/* --- giving up ------------------------------------------------------------------------------ */

/* Ends a call that is under way. */
static void stop_call(struct hook *hook, struct hook_job *job)
{
  hook_multi_remove(hook->multi, job->call.easy);
  hook_call_end(&job->call);
  hook->jobs.n_flying--;
  hook_gauge_add(hook->env, HOOK_M_IN_FLIGHT, -1);
}

/* The job is in one of the lists or in the queue, and in none afterwards. */
static void take_out(struct hook *hook, struct hook_job *job, bool is_failure)
{
  if (!job->list) {
    hook_queue_remove(&hook->jobs.queue, &job->item);
    return;
  }
  bool was_flying = job->list == &hook->jobs.flying;
  if (was_flying)
    stop_call(hook, job);
  hook_job_move(job, NULL);
  hook_queue_release(&hook->jobs.queue, &job->item);
  if (was_flying && is_failure && is_telling(hook, job))
    end_round(hook, job->round, false);
}

bool hook_cancel(struct hook *hook, struct plug_op *op)
{
  char shown[HOOK_SHOWN_SIZE];
  struct hook_job *job = hook_jobs_find(&hook->jobs, op);
  if (!job)
    return false;
  hook_count(hook->env, HOOK_M_TIMEOUTS);
  hook_log(hook->env, &hook->failures, PLUG_LOG_WARN,
           "hook '%s': the %s %s of '%s' was given up: its time is over", hook->config->name,
           hook_job_what(job), job->id, hook_show(shown, job->about));
  take_out(hook, job, true);
  give_up(job, &late, "");
  pump(hook);
  check_idle(hook);
  return true;
}

void hook_abort(struct hook *hook)
{
  static const struct refusal stopping = {"stopping", "the server is stopping"};
  struct hook_job *job;
  hook->draining = true;
  hook->pumping = true; /* begin nothing more */
  while ((job = hook_jobs_any(&hook->jobs))) {
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

static void on_published(void *ctx)
{
  check_idle(ctx);
}

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
  hook_jobs_init(&hook->jobs, hook, env, config);
  hook->delivery = (struct hook_delivery){.env = env,
                                          .config = config,
                                          .failures = &hook->failures,
                                          .published = on_published,
                                          .ctx = hook};
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
