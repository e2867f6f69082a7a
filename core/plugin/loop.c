#include "plugin/loop.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "plugin/crash.h"
#include "plugin/loop_pin.h"
#include "plugin/watch.h"

#define PINNED_JOIN_S 1

struct loop {
  uv_loop_t uv;
  /* Not a uv_async_t: whoever serves one waits, in a loop, for a waker that has lost its core
   * since, and the threads that wake this one most have less of a right to it. */
  int wake_fd;
  _Atomic bool owing; /* the first of the tasks may have woken nobody yet; or that was before */
  uv_poll_t wake;
  uv_prepare_t turn_end;
  uv_thread_t thread;
  struct mpsc tasks;
  struct list hooks;
  struct list *next_hook; /* where run_hooks goes on, so that a hook may be removed meanwhile */
  struct loop_task stop_task;
  _Atomic bool pinned, left;
  _Atomic(const struct watch_record *) record; /* the thread's, while it runs */
  bool is_own;                                 /* the home of one instance */
  char name[16];
  struct workpool *pool;
};

struct posted_fn {
  struct loop_task task;
  plug_fn fn;
  void *arg;
};

static _Thread_local const struct loop *current_loop;

/* What is posted meanwhile waits for the next turn, so that sockets and timers get theirs. */
static bool run_tasks(struct loop *loop)
{
  struct mpsc_node *node = mpsc_take(&loop->tasks);
  bool any = node != NULL;
  while (node) {
    struct loop_task *task = container_of(node, struct loop_task, node);
    node = node->next;
    task->run(task);
  }
  return any;
}

static void run_hooks(struct loop *loop)
{
  loop->next_hook = loop->hooks.next;
  while (loop->next_hook != &loop->hooks) {
    struct loop_hook *hook = container_of(loop->next_hook, struct loop_hook, link);
    loop->next_hook = loop->next_hook->next;
    hook->run(hook);
  }
  loop->next_hook = NULL;
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
  struct loop *loop = wake->data;
  uint64_t times;
  (void)status;
  (void)events;
  (void)!read(loop->wake_fd, &times, sizeof times);
  run_tasks(loop);
}

/* libuv runs this after the timers of a turn and before it sleeps, and what sockets did comes
 * before it in the next round without a sleep in between. */
static void on_turn_end(uv_prepare_t *turn_end)
{
  run_hooks(turn_end->data);
}

static void on_stop(struct loop_task *task)
{
  struct loop *loop = container_of(task, struct loop, stop_task);
  uv_stop(&loop->uv);
}

static void *thread_main(void *arg)
{
  struct loop *loop = arg;
  current_loop = loop;
  pthread_setname_np(pthread_self(), loop->name);
  if (!loop->is_own) /* there are as many as plugins, and blocks for a few */
    counter_bind_thread();
  atomic_store(&loop->record, watch_set_home(loop->is_own));
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  while (run_tasks(loop))
    run_hooks(loop);
  if (!atomic_load(&loop->pinned)) {
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
  }
  atomic_store(&loop->record, NULL);
  watch_release();
  block_drop_cache();
  return NULL;
}

static struct loop *start(const char *name, const struct loop *control)
{
  struct loop *loop = calloc(1, sizeof *loop);
  if (!loop)
    return NULL;
  loop->is_own = control != NULL;
  loop->pool = control ? control->pool : NULL;
  snprintf(loop->name, sizeof loop->name, "%s", name);
  list_init(&loop->hooks);
  if (uv_loop_init(&loop->uv))
    goto free_loop;
  loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop->wake_fd < 0)
    goto close_uv;
  if (uv_poll_init(&loop->uv, &loop->wake, loop->wake_fd))
    goto close_wake;
  loop->wake.data = loop;
  uv_poll_start(&loop->wake, UV_READABLE, on_wake);
  uv_prepare_init(&loop->uv, &loop->turn_end);
  loop->turn_end.data = loop;
  uv_prepare_start(&loop->turn_end, on_turn_end);

  /* Signals are the main thread's; a new thread inherits the mask of the one that makes it. */
  sigset_t all, before;
  sigfillset(&all);
  crash_keep_signals(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&loop->thread, NULL, thread_main, loop);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failed)
    return loop;

  uv_close((uv_handle_t *)&loop->wake, NULL);
  uv_close((uv_handle_t *)&loop->turn_end, NULL);
  uv_run(&loop->uv, UV_RUN_NOWAIT);
close_wake:
  close(loop->wake_fd);
close_uv:
  uv_loop_close(&loop->uv);
free_loop:
  free(loop);
  return NULL;
}

struct loop *loop_start(void)
{
  return start("control", NULL);
}

struct loop *loop_start_own(const char *name, const struct loop *control)
{
  return start(name, control);
}

bool loop_hangs(const struct loop *loop)
{
  const struct watch_record *record =
      loop ? atomic_load_explicit(&loop->record, memory_order_relaxed) : NULL;
  return record && atomic_load_explicit(&record->hangs, memory_order_relaxed);
}

bool loop_is_late(const struct loop *loop)
{
  const struct watch_record *record =
      loop ? atomic_load_explicit(&loop->record, memory_order_relaxed) : NULL;
  return record && atomic_load_explicit(&record->is_late, memory_order_relaxed);
}

void loop_stop(struct loop *loop)
{
  if (!loop)
    return;
  invariant(!loop_on_thread(loop));
  loop->stop_task.run = on_stop;
  loop_post_task(loop, &loop->stop_task);
  if (atomic_load(&loop->pinned)) {
    /* The plugin that was given up may be what the thread hangs in. */
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PINNED_JOIN_S;
    if (pthread_timedjoin_np(loop->thread, NULL, &until)) {
      atomic_store(&loop->left, true);
      pthread_detach(loop->thread);
      log_error("plugin", "thread '%s' hangs in a plugin and is left behind", loop->name);
    }
    return;
  }
  pthread_join(loop->thread, NULL);
  int busy = uv_loop_close(&loop->uv);
  invariant(!busy); /* whoever opened a handle on this loop has closed it */
  close(loop->wake_fd);
  free(loop);
}

void loop_pin(struct loop *loop)
{
  atomic_store(&loop->pinned, true);
}

bool loop_on_thread(const struct loop *loop)
{
  return loop && current_loop == loop;
}

const char *loop_name(const struct loop *loop)
{
  return loop->name;
}

bool loop_is_own(const struct loop *loop)
{
  return loop && loop->is_own;
}

uv_loop_t *loop_uv(struct loop *loop)
{
  return &loop->uv;
}

void loop_set_pool(struct loop *loop, struct workpool *pool)
{
  loop->pool = pool;
}

struct workpool *loop_pool(const struct loop *loop)
{
  return loop->pool;
}

/* The loop that this thread has posted something to and not woken. */
static _Thread_local struct loop *owed;

static void wake(struct loop *loop)
{
  const uint64_t once = 1;
  while (write(loop->wake_fd, &once, sizeof once) < 0 && errno == EINTR)
    ;
}

void loop_wake_owed(void)
{
  struct loop *loop = owed;
  owed = NULL;
  if (loop)
    wake(loop);
}

static bool is_owing(struct loop *loop)
{
  return atomic_load_explicit(&loop->owing, memory_order_relaxed) &&
         atomic_exchange_explicit(&loop->owing, false, memory_order_relaxed);
}

/* Who posts this may wait for it, and not for the end of another thread's turn. */
void loop_post_task(struct loop *loop, struct loop_task *task)
{
  if (!mpsc_push(&loop->tasks, &task->node) && !is_owing(loop))
    return;
  if (owed == loop)
    owed = NULL;
  wake(loop);
}

/* It is said that a wake-up is owed before it is: who finds the task in the queue knows it then. */
void loop_post_task_soon(struct loop *loop, struct loop_task *task)
{
  atomic_store_explicit(&loop->owing, true, memory_order_relaxed);
  if (!mpsc_push(&loop->tasks, &task->node))
    return;
  if (owed != loop)
    loop_wake_owed();
  owed = loop;
}

static void run_posted(struct loop_task *task)
{
  struct posted_fn *posted = container_of(task, struct posted_fn, task);
  plug_fn fn = posted->fn;
  void *arg = posted->arg;
  free(posted);
  fn(arg);
}

plug_status loop_post(struct loop *loop, plug_fn fn, void *arg)
{
  struct posted_fn *posted = malloc(sizeof *posted);
  if (!posted)
    return PLUG_ENOMEM;
  *posted = (struct posted_fn){{{NULL}, run_posted}, fn, arg};
  loop_post_task(loop, &posted->task);
  return PLUG_OK;
}

struct waiting_call {
  struct loop_task task;
  plug_fn fn;
  void *arg;
  uv_sem_t done;
};

static void run_call(struct loop_task *task)
{
  struct waiting_call *call = container_of(task, struct waiting_call, task);
  call->fn(call->arg);
  uv_sem_post(&call->done);
}

void loop_call(struct loop *loop, plug_fn fn, void *arg)
{
  invariant(!loop_on_thread(loop));
  struct waiting_call call = {.task.run = run_call, .fn = fn, .arg = arg};
  int failed = uv_sem_init(&call.done, 0);
  invariant(!failed);
  loop_post_task(loop, &call.task);
  uv_sem_wait(&call.done);
  uv_sem_destroy(&call.done);
}

/* Whoever comes last frees it: the caller, who may give up, or the loop. */
struct bounded_call {
  struct loop_task task;
  plug_fn fn;
  void *arg;
  sem_t done;
  _Atomic int refs;
  _Atomic bool begun; /* or given up before it began */
  _Atomic bool ended; /* set and read around done: thread sanitizers do not know sem_clockwait */
};

static void bounded_unref(struct bounded_call *call)
{
  if (atomic_fetch_sub(&call->refs, 1) > 1)
    return;
  sem_destroy(&call->done);
  free(call);
}

static void run_bounded(struct loop_task *task)
{
  struct bounded_call *call = container_of(task, struct bounded_call, task);
  if (!atomic_exchange(&call->begun, true))
    call->fn(call->arg);
  atomic_store(&call->ended, true);
  sem_post(&call->done);
  bounded_unref(call);
}

bool loop_call_within(struct loop *loop, plug_fn fn, void *arg, uint64_t limit_ms)
{
  invariant(!loop_on_thread(loop));
  struct bounded_call *call = calloc(1, sizeof *call);
  if (!call)
    return false;
  call->task.run = run_bounded;
  call->fn = fn;
  call->arg = arg;
  atomic_init(&call->refs, 2);
  sem_init(&call->done, 0, 0);
  loop_post_task(loop, &call->task);
  uint64_t until_ms = clock_now_ms() + limit_ms;
  struct timespec until = clock_timespec(until_ms);
  int failed;
  while ((failed = sem_clockwait(&call->done, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR)
    ;
  if (failed)
    atomic_store(&call->begun, true);
  bool ended = atomic_load(&call->ended);
  bounded_unref(call);
  return !failed && ended;
}

bool loop_is_left(const struct loop *loop)
{
  return atomic_load(&loop->left);
}

void loop_add_hook(struct loop *loop, struct loop_hook *hook)
{
  list_append(&loop->hooks, &hook->link);
}

void loop_remove_hook(struct loop *loop, struct loop_hook *hook)
{
  if (loop->next_hook == &hook->link)
    loop->next_hook = hook->link.next;
  list_remove(&hook->link);
}
