#include "plugin/workpool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "plugin/border.h"
#include "plugin/crash.h"
#include "plugin/instance_call.h"
#include "plugin/part.h"

#define HANG_JOIN_S   1
/* About a tenth of a core that a worker wants, too: thousands of logins at once must not keep
 * messages waiting, and messages must not keep logins out. */
#define POOL_NICE     10
/* What is done quickly goes home together: so many, each of which has taken no longer. The last
 * ones of thousands of signatures then come some tenths of a millisecond later, and the control
 * thread is woken for a handful instead of for each. */
#define HOMEBOUND_MAX 8
#define QUICK_US      200u

struct job {
  struct list link;      /* while it waits */
  struct loop_task home; /* afterwards */
  struct plugin_instance *instance;
  plug_fn work, done;
  void *arg;
};

struct workpool {
  pthread_mutex_t lock; /* protects what follows; nothing is called under it */
  pthread_cond_t more;
  struct list waiting; /* struct job, oldest first */
  uint64_t n_waiting, max_waiting;
  unsigned n_threads, n_started;
  bool ending;
  pthread_t threads[WORKPOOL_THREADS_MAX];
};

struct workpool *workpool_new(unsigned n_threads, uint64_t max_waiting)
{
  struct workpool *pool = calloc(1, sizeof *pool);
  if (!pool)
    return NULL;
  invariant(n_threads >= 1 && n_threads <= WORKPOOL_THREADS_MAX);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->more, NULL);
  list_init(&pool->waiting);
  pool->n_threads = n_threads;
  pool->max_waiting = max_waiting;
  return pool;
}

static void job_home(struct loop_task *task)
{
  struct job *job = container_of(task, struct job, home);
  struct plugin_instance *instance = job->instance;
  /* An abandoned plugin may hang on to what done would touch. */
  if (part_state(instance) != INSTANCE_ABANDONED) {
    struct instance_call call;
    instance_call_begin(&call, instance, "done of a job");
    job->done(job->arg);
    instance_call_end(&call);
  }
  free(job);
  atomic_fetch_sub(&instance->jobs, 1);
}

/* Jobs of one kind that are done and have not gone home. */
struct homebound {
  struct list jobs;
  unsigned n;
  bool was_quick; /* the last one */
};

static void send_home(struct homebound *homebound)
{
  struct list *node;
  while ((node = list_first(&homebound->jobs))) {
    struct job *job = container_of(node, struct job, link);
    list_remove(node);
    loop_post_task(job->instance->loop, &job->home);
  }
  homebound->n = 0;
}

/* With the lock held: the next job is like those, and takes no longer, as far as one can know. */
static bool may_wait(const struct workpool *pool, const struct homebound *homebound)
{
  const struct list *next = pool->waiting.next;
  return next != &pool->waiting && homebound->n < HOMEBOUND_MAX && homebound->was_quick &&
         container_of(next, struct job, link)->work ==
             container_of(homebound->jobs.next, struct job, link)->work;
}

static void *thread_main(void *arg)
{
  struct workpool *pool = arg;
  struct homebound homebound = {.n = 0};
  list_init(&homebound.jobs);
  /* Linux keeps this per thread. Where it fails there is only less of an order. */
  (void)!setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + POOL_NICE);
  /* Nor does who wakes it wait for it at once. */
  (void)!sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
  counter_bind_thread();
  atomic_store(&watch_bind()->is_job, true);
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    if (homebound.n && !may_wait(pool, &homebound)) {
      pthread_mutex_unlock(&pool->lock);
      send_home(&homebound);
      pthread_mutex_lock(&pool->lock);
    }
    struct list *node;
    while (!(node = list_first(&pool->waiting)) && !pool->ending)
      pthread_cond_wait(&pool->more, &pool->lock);
    if (!node)
      break;
    list_remove(node);
    pool->n_waiting--;
    pthread_mutex_unlock(&pool->lock);
    struct job *job = container_of(node, struct job, link);
    COUNT_BY(pool_waiting, -1);
    COUNT(pool_jobs);
    struct watch_call call;
    uint64_t began_us = clock_now_us();
    watch_enter(&call, job->instance, "a job");
    job->work(job->arg);
    watch_leave(&call);
    job->home.run = job_home;
    list_append(&homebound.jobs, &job->link);
    homebound.n++;
    homebound.was_quick = clock_now_us() - began_us < QUICK_US;
    pthread_mutex_lock(&pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  block_drop_cache();
  return NULL;
}

/* [home] With the lock held. At least one thread runs, or false. */
static bool start_threads(struct workpool *pool)
{
  if (pool->n_started)
    return true;
  sigset_t all, before;
  sigfillset(&all);
  crash_keep_signals(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (pool->n_started < pool->n_threads &&
         pthread_create(&pool->threads[pool->n_started], NULL, thread_main, pool) == 0) {
    char name[16];
    snprintf(name, sizeof name, "pool-%u", pool->n_started);
    pthread_setname_np(pool->threads[pool->n_started], name);
    pool->n_started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (pool->n_started < pool->n_threads)
    log_error("plugin", "the work pool has %u of %u threads: no more could be started",
              pool->n_started, pool->n_threads);
  return pool->n_started > 0;
}

static plug_status submit(struct workpool *pool, struct job *job)
{
  plug_status status = PLUG_OK;
  pthread_mutex_lock(&pool->lock);
  if (pool->n_waiting >= pool->max_waiting)
    status = PLUG_EUNAVAIL;
  else if (!start_threads(pool))
    status = PLUG_ENOMEM;
  if (status == PLUG_OK) {
    atomic_fetch_add(&job->instance->jobs, 1);
    COUNT(pool_waiting);
    list_append(&pool->waiting, &job->link);
    pool->n_waiting++;
    pthread_cond_signal(&pool->more);
  }
  pthread_mutex_unlock(&pool->lock);
  return status;
}

static plug_status table_run(const struct plug_host *host, plug_fn work, plug_fn done, void *arg)
{
  struct plugin_instance *instance = part_of(host);
  if (atomic_load(&instance->creating) || atomic_load(&instance->closed)) {
    if (part_state(instance) != INSTANCE_ABANDONED)
      border_violation(instance, "run", "called before start or after stop");
    return PLUG_ESTATE;
  }
  if (!border_is_home(instance, "run"))
    return PLUG_ESTATE;
  struct workpool *pool = loop_pool(instance->loop);
  if (!pool)
    return PLUG_ENOTSUP;
  struct job *job = malloc(sizeof *job);
  if (!job)
    return PLUG_ENOMEM;
  *job = (struct job){.instance = instance, .work = work, .done = done, .arg = arg};
  plug_status status = submit(pool, job);
  if (status != PLUG_OK) {
    COUNT(pool_refused);
    free(job);
  }
  return status;
}

void workpool_free(struct workpool *pool)
{
  if (!pool)
    return;
  pthread_mutex_lock(&pool->lock);
  pool->ending = true;
  pthread_cond_broadcast(&pool->more);
  pthread_mutex_unlock(&pool->lock);
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += HANG_JOIN_S;
  for (unsigned i = 0; i < pool->n_started; i++)
    if (pthread_timedjoin_np(pool->threads[i], NULL, &until)) {
      /* The job of a plugin that was abandoned. Its thread keeps the pool. */
      for (; i < pool->n_started; i++)
        pthread_detach(pool->threads[i]);
      log_error("plugin", "a thread of the work pool hangs in a plugin and is left behind");
      return;
    }
  pthread_cond_destroy(&pool->more);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

const struct plug_workpool workpool_table = {
    .size = sizeof workpool_table,
    .run = table_run,
};
