#include "hook_jobs.h"

#include <stdlib.h>
#include <string.h>

void hook_jobs_init(struct hook_jobs *jobs, struct hook *hook, struct hook_env *env,
                    const struct hook_config *config)
{
  *jobs = (struct hook_jobs){.hook = hook, .env = env, .config = config};
  hook_queue_init(&jobs->queue);
  TAILQ_INIT(&jobs->flying);
  TAILQ_INIT(&jobs->again);
  for (int i = 0; i < HOOK_N_DELAYS; i++)
    TAILQ_INIT(&jobs->delayed[i]);
}

bool hook_jobs_are_full(const struct hook_jobs *jobs, size_t len)
{
  return jobs->n_held - jobs->n_flying >= jobs->config->n[HOOK_QUEUE] ||
         jobs->bytes + len > jobs->config->n[HOOK_QUEUE_SIZE];
}

struct hook_job *hook_job_new(struct hook_jobs *jobs, const char *id, char *body, size_t len,
                              struct plug_str about)
{
  struct hook_job *job = body ? calloc(1, sizeof *job + about.len) : NULL;
  if (!job) {
    free(body);
    return NULL;
  }
  job->hook = jobs->hook;
  job->body = body;
  job->len = len;
  memcpy(job->id, id, HOOK_ID_SIZE);
  job->about = (struct plug_str){(char *)(job + 1), about.len};
  if (about.len)
    memcpy(job + 1, about.ptr, about.len);
  jobs->n_held++;
  jobs->bytes += len;
  hook_gauge_add(jobs->env, HOOK_M_QUEUED, 1);
  hook_gauge_add(jobs->env, HOOK_M_QUEUED_BYTES, (int64_t)len);
  return job;
}

void hook_job_free(struct hook_jobs *jobs, struct hook_job *job)
{
  hook_job_move(job, NULL);
  jobs->n_held--;
  jobs->bytes -= job->len;
  hook_gauge_add(jobs->env, HOOK_M_QUEUED, -1);
  hook_gauge_add(jobs->env, HOOK_M_QUEUED_BYTES, -(int64_t)job->len);
  free(job->body);
  free(job);
}

const char *hook_job_what(const struct hook_job *job)
{
  return job->asked == HOOK_ASKED_SEND        ? "SEND"
         : job->asked == HOOK_ASKED_SUBSCRIBE ? "SUBSCRIBE"
                                              : "event";
}

/* --- where they are ----------------------------------------------------------------------- */

bool hook_job_enqueue(struct hook_jobs *jobs, struct hook_job *job, uint64_t session,
                      struct plug_str destination)
{
  enum hook_kind kind = job->op ? HOOK_REQUEST : HOOK_EVENT_KIND;
  struct plug_str key = {job->id, strlen(job->id)};
  if (jobs->config->n[HOOK_ORDER] == HOOK_ORDER_DESTINATION && destination.len)
    key = destination;
  else if (jobs->config->n[HOOK_ORDER] != HOOK_ORDER_NONE)
    key = (struct plug_str){(const char *)&session, sizeof session};
  return hook_queue_put(&jobs->queue, &job->item, kind, key);
}

void hook_job_move(struct hook_job *job, struct hook_job_list *list)
{
  if (job->list)
    TAILQ_REMOVE(job->list, job, link);
  job->list = list;
  if (list)
    TAILQ_INSERT_TAIL(list, job, link);
}

void hook_job_delay(struct hook_jobs *jobs, struct hook_job *job, uint64_t now_ms)
{
  uint64_t after_ms = jobs->config->n[HOOK_RETRY_DELAY];
  size_t level = 0;
  while (level + 1 < job->attempts && level + 1 < HOOK_N_DELAYS && after_ms < HOOK_DELAY_MAX_MS) {
    after_ms *= 2;
    level++;
  }
  job->due_ms = now_ms + (after_ms < HOOK_DELAY_MAX_MS ? after_ms : HOOK_DELAY_MAX_MS);
  hook_job_move(job, &jobs->delayed[level]);
}

void hook_jobs_wake(struct hook_jobs *jobs, uint64_t now_ms, bool all)
{
  for (int i = 0; i < HOOK_N_DELAYS; i++) {
    struct hook_job *job;
    while ((job = TAILQ_FIRST(&jobs->delayed[i])) && (job->due_ms <= now_ms || all))
      hook_job_move(job, &jobs->again);
  }
}

uint64_t hook_jobs_wake_ms(const struct hook_jobs *jobs)
{
  uint64_t at_ms = UINT64_MAX;
  for (int i = 0; i < HOOK_N_DELAYS; i++) {
    const struct hook_job *job = TAILQ_FIRST(&jobs->delayed[i]);
    if (job && job->due_ms < at_ms)
      at_ms = job->due_ms;
  }
  return at_ms;
}

struct hook_job *hook_jobs_take(struct hook_jobs *jobs)
{
  struct hook_job *job = TAILQ_FIRST(&jobs->again);
  if (!job)
    return (struct hook_job *)hook_queue_take(&jobs->queue);
  hook_job_move(job, NULL);
  return job;
}

bool hook_jobs_are_ready(const struct hook_jobs *jobs)
{
  return !TAILQ_EMPTY(&jobs->again) || hook_queue_is_ready(&jobs->queue);
}

void hook_jobs_take_requests(struct hook_jobs *jobs, struct hook_job_list *out)
{
  struct hook_item *item;
  while ((item = hook_queue_first(&jobs->queue, HOOK_REQUEST))) {
    hook_queue_remove(&jobs->queue, item);
    hook_job_move((struct hook_job *)item, out);
  }
  for (int i = -1; i < HOOK_N_DELAYS; i++) {
    struct hook_job_list *list = i < 0 ? &jobs->again : &jobs->delayed[i];
    struct hook_job *job = TAILQ_FIRST(list), *next;
    for (; job; job = next) {
      next = TAILQ_NEXT(job, link);
      if (!job->op)
        continue;
      hook_queue_release(&jobs->queue, &job->item);
      hook_job_move(job, out);
    }
  }
}

struct hook_job *hook_jobs_find(struct hook_jobs *jobs, const struct plug_op *op)
{
  struct hook_item *item;
  struct hook_job *job;
  TAILQ_FOREACH(job, &jobs->flying, link)
  if (job->op == op)
    return job;
  TAILQ_FOREACH(item, &jobs->queue.waiting[HOOK_REQUEST], of_kind)
  if (((struct hook_job *)item)->op == op)
    return (struct hook_job *)item;
  for (int i = -1; i < HOOK_N_DELAYS; i++)
    TAILQ_FOREACH(job, i < 0 ? &jobs->again : &jobs->delayed[i], link)
  if (job->op == op)
    return job;
  return NULL;
}

struct hook_job *hook_jobs_any(struct hook_jobs *jobs)
{
  struct hook_job *job = TAILQ_FIRST(&jobs->flying);
  if (!job)
    job = TAILQ_FIRST(&jobs->again);
  for (int i = 0; !job && i < HOOK_N_DELAYS; i++)
    job = TAILQ_FIRST(&jobs->delayed[i]);
  for (int kind = 0; !job && kind < HOOK_N_KINDS; kind++)
    job = (struct hook_job *)hook_queue_first(&jobs->queue, (enum hook_kind)kind);
  return job;
}
