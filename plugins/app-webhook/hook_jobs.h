/* What one hook has to ask of its backend: each job is a request or an event, as the JSON to be
 * sent, and is in the queue, flying, waiting for a time, or due again. Owns the jobs and their
 * counts; who ends a job frees it. Knows neither the backend nor what becomes of an answer. [home].
 *
 *   new --> queue --> flying --> free
 *            again <-- delayed <--'
 */
#ifndef HOOK_JOBS_H
#define HOOK_JOBS_H

#include "hook_answer.h"
#include "hook_call.h"
#include "hook_queue.h"

enum {
  HOOK_DELAY_MAX_MS = 30000,
  HOOK_N_DELAYS = 13, /* 10 ms, doubled, is beyond HOOK_DELAY_MAX_MS after twelve times */
};

struct hook;

struct hook_job {
  struct hook_item item; /* first */
  struct hook *hook;     /* whose it is */
  struct plug_op *op;    /* NULL: an event */
  enum hook_asked asked;
  uint64_t attempts;
  uint64_t due_ms;  /* among the delayed */
  uint64_t most_ms; /* what a call has that did not wait: timeout, or less if the operation's is */
  bool is_short;    /* the call that is under way has less than that */
  uint32_t round;   /* of the breaker */
  struct hook_call call;
  TAILQ_ENTRY(hook_job) link; /* in one of flying, again, delayed */
  struct hook_job_list *list; /* which; NULL: in the queue */
  char id[HOOK_ID_SIZE];
  char *body;
  size_t len;
  struct plug_str about; /* the destination, or whose session has ended; behind the job */
};
TAILQ_HEAD(hook_job_list, hook_job);

struct hook_jobs {
  struct hook *hook; /* theirs */
  struct hook_env *env;
  const struct hook_config *config;
  struct hook_queue queue;
  struct hook_job_list flying, again; /* again: due, and before what is in the queue */
  /* by how long they wait: each is in order of due_ms */
  struct hook_job_list delayed[HOOK_N_DELAYS];
  size_t n_flying, n_held; /* n_held: all jobs */
  uint64_t bytes;
};

void hook_jobs_init(struct hook_jobs *jobs, struct hook *hook, struct hook_env *env,
                    const struct hook_config *config);

/* No more may wait, or not with len bytes more. */
bool hook_jobs_are_full(const struct hook_jobs *jobs, size_t len);
/* Takes over body, which may be NULL. In no queue yet. NULL when out of memory. */
struct hook_job *hook_job_new(struct hook_jobs *jobs, const char *id, char *body, size_t len,
                              struct plug_str about);
/* A job that is in no queue any more. */
void hook_job_free(struct hook_jobs *jobs, struct hook_job *job);
/* SEND, SUBSCRIBE or event, for the log. */
const char *hook_job_what(const struct hook_job *job);

/* Whose turn it is decides the lane; false when out of memory. */
bool hook_job_enqueue(struct hook_jobs *jobs, struct hook_job *job, uint64_t session,
                      struct plug_str destination);
/* From the list that it is in to another; NULL: to none. */
void hook_job_move(struct hook_job *job, struct hook_job_list *list);
/* Is to be asked again, after the longer the more often it was asked. */
void hook_job_delay(struct hook_jobs *jobs, struct hook_job *job, uint64_t now_ms);

/* Those whose time has come, or all of them, are due. */
void hook_jobs_wake(struct hook_jobs *jobs, uint64_t now_ms, bool all);
/* When the first time comes; UINT64_MAX: never. */
uint64_t hook_jobs_wake_ms(const struct hook_jobs *jobs);
/* The next to be asked; its lane is busy with it. NULL: none. */
struct hook_job *hook_jobs_take(struct hook_jobs *jobs);
/* Would hook_jobs_take give one? What is in the queue behind one that is delayed or flying is not
 * to be had, and no time makes it so. */
bool hook_jobs_are_ready(const struct hook_jobs *jobs);
/* Moves the requests that wait, for whatever, to out, and their lanes go on. */
void hook_jobs_take_requests(struct hook_jobs *jobs, struct hook_job_list *out);

struct hook_job *hook_jobs_find(struct hook_jobs *jobs, const struct plug_op *op); /* or NULL */
struct hook_job *hook_jobs_any(struct hook_jobs *jobs);                            /* or NULL */

#endif
