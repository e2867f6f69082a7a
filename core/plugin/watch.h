/* Where each thread is inside a plugin: what the watchdog (watchdog.h) and the line after a crash
 * (crash.h) know of. Owns a record per thread that has ever called a plugin. Entering and leaving
 * cost a few plain stores; the records are read by any thread. */
#ifndef PLUGIN_WATCH_H
#define PLUGIN_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plugin_instance;

/* Control thread, workers, pool, homes of plugins' own, and whoever else starts or asks. */
#define WATCH_THREADS_MAX 256

struct watch_record {
  _Atomic(struct plugin_instance *) instance; /* NULL: not in a plugin */
  _Atomic(const char *) function;             /* static text */
  _Atomic uint64_t number;                    /* rises with every entering and leaving */
  _Atomic bool is_job;                        /* a thread of the work pool, which may take long */
  _Atomic bool is_home;                       /* the control thread, which all others depend on */
  _Atomic bool is_own_home;                   /* of one instance, on which nobody else depends */
  _Atomic bool is_late, hangs;                /* the watchdog's word */
  _Atomic bool is_taken;
  _Atomic uint64_t thread[2]; /* its name, as far as it fits */
};

/* What the thread was in before; the caller's memory. */
struct watch_call {
  struct plugin_instance *outer;
  const char *outer_function;
};

extern _Thread_local struct watch_record *watch_mine;
struct watch_record *watch_bind(void); /* never NULL; threads beyond the last share a blind one */

static inline void watch_enter(struct watch_call *call, struct plugin_instance *instance,
                               const char *function)
{
  struct watch_record *mine = watch_mine ? watch_mine : watch_bind();
  uint64_t number = atomic_load_explicit(&mine->number, memory_order_relaxed);
  call->outer = atomic_load_explicit(&mine->instance, memory_order_relaxed);
  call->outer_function = atomic_load_explicit(&mine->function, memory_order_relaxed);
  atomic_store_explicit(&mine->function, function, memory_order_relaxed);
  atomic_store_explicit(&mine->instance, instance, memory_order_relaxed);
  atomic_store_explicit(&mine->number, number + 1, memory_order_release);
}

static inline void watch_leave(const struct watch_call *call)
{
  struct watch_record *mine = watch_mine;
  uint64_t number = atomic_load_explicit(&mine->number, memory_order_relaxed);
  atomic_store_explicit(&mine->function, call->outer_function, memory_order_relaxed);
  atomic_store_explicit(&mine->instance, call->outer, memory_order_relaxed);
  atomic_store_explicit(&mine->number, number + 1, memory_order_release);
}

/* This thread is the control thread, or the home of one instance. The record is this thread's until
 * watch_release. */
struct watch_record *watch_set_home(bool own);
/* [this thread] Before it ends: another may have its record. Others keep theirs for ever. */
void watch_release(void);

/* The plugin that this thread is in; NULL: none. */
struct plugin_instance *watch_instance(void);
/* The innermost function of a plugin that this thread is in; NULL: none. */
const char *watch_function(void);

#define WATCH_NAME_SIZE 17
const char *watch_thread_name(const struct watch_record *record, char out[WATCH_NAME_SIZE]);
/* All records that were ever handed out. [any] */
size_t watch_records(struct watch_record **first);

#endif
