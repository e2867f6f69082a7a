/* What may take long, on a thread of its own: looking names up, reading certificates. A task is the
 * owner's memory, which stays as it is until done has been called. [home] but for run. */
#ifndef REDIS_TASK_H
#define REDIS_TASK_H

#include <pthread.h>

#include "redis_env.h"

/* The tasks of one instance; its stop waits for them. */
struct redis_tasks {
  const struct redis_env *env;
  size_t n_running;
  void (*idle)(void *arg); /* n_running fell to 0 */
  void *arg;
};

struct redis_task {
  struct redis_tasks *tasks;
  void (*run)(struct redis_task *task);  /* on the thread: touches only what is the task's */
  void (*done)(struct redis_task *task); /* at home; may free the task */
  pthread_t thread;
};

/* False: there is no thread to be had, and nothing follows. Else run, then done, which is never
 * called from here. */
bool redis_task_start(struct redis_task *task, struct redis_tasks *tasks,
                      void (*run)(struct redis_task *task), void (*done)(struct redis_task *task));

#endif
