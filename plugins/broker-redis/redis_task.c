#include "redis_task.h"

#include <signal.h>
#include <time.h>

static void finish(void *arg)
{
  struct redis_task *task = arg;
  struct redis_tasks *tasks = task->tasks;
  pthread_join(task->thread, NULL);
  task->done(task);
  if (--tasks->n_running == 0 && tasks->idle != NULL)
    tasks->idle(tasks->arg);
}

static void *run(void *arg)
{
  struct redis_task *task = arg;
  const struct plug_host *host = task->tasks->env->host;
  task->run(task);
  /* The home thread must hear of it, or it would wait for ever. */
  while (host->post(host, finish, task) != PLUG_OK)
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  return NULL;
}

bool redis_task_start(struct redis_task *task, struct redis_tasks *tasks,
                      void (*run_task)(struct redis_task *task),
                      void (*done)(struct redis_task *task))
{
  task->tasks = tasks;
  task->run = run_task;
  task->done = done;
  /* Signals are the server's business: the thread is born with all of them blocked. */
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int rc = pthread_create(&task->thread, NULL, run, task);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (rc != 0)
    return false;
  tasks->n_running++;
  return true;
}
