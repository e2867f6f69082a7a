#include "plugin/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "plugin/crash_stack.h"

_Thread_local struct watch_record *watch_mine;

static struct watch_record records[WATCH_THREADS_MAX];
static _Atomic size_t n_records;
/* For threads beyond the last; each has its own, so that leaving finds what entering has left. */
static _Thread_local struct watch_record blind;

/* One that was given back, or the next. */
static struct watch_record *take(void)
{
  size_t n = atomic_load(&n_records);
  for (size_t i = 0; i < n; i++)
    if (!atomic_load(&records[i].is_taken) && !atomic_exchange(&records[i].is_taken, true))
      return &records[i];
  while (n < WATCH_THREADS_MAX && !atomic_compare_exchange_weak(&n_records, &n, n + 1))
    ;
  if (n == WATCH_THREADS_MAX)
    return &blind;
  /* Somebody else may have found it by now, as one that is free. */
  return atomic_exchange(&records[n].is_taken, true) ? take() : &records[n];
}

struct watch_record *watch_bind(void)
{
  watch_mine = take();
  char name[16] = "";
  uint64_t halves[2];
  if (pthread_getname_np(pthread_self(), name, sizeof name))
    snprintf(name, sizeof name, "?");
  memcpy(halves, name, sizeof halves);
  atomic_store_explicit(&watch_mine->thread[0], halves[0], memory_order_relaxed);
  atomic_store_explicit(&watch_mine->thread[1], halves[1], memory_order_relaxed);
  crash_stack_set();
  return watch_mine;
}

struct watch_record *watch_set_home(bool own)
{
  struct watch_record *mine = watch_mine ? watch_mine : watch_bind();
  atomic_store_explicit(&mine->is_home, !own, memory_order_relaxed);
  atomic_store_explicit(&mine->is_own_home, own, memory_order_relaxed);
  return mine;
}

void watch_release(void)
{
  struct watch_record *mine = watch_mine;
  watch_mine = NULL;
  if (!mine)
    return;
  atomic_store(&mine->is_home, false);
  atomic_store(&mine->is_own_home, false);
  atomic_store(&mine->is_job, false);
  atomic_store(&mine->is_late, false);
  atomic_store(&mine->hangs, false);
  atomic_store(&mine->is_taken, false);
}

struct plugin_instance *watch_instance(void)
{
  struct watch_record *mine = watch_mine;
  return mine ? atomic_load_explicit(&mine->instance, memory_order_relaxed) : NULL;
}

const char *watch_function(void)
{
  struct watch_record *mine = watch_mine;
  return mine ? atomic_load_explicit(&mine->function, memory_order_relaxed) : NULL;
}

size_t watch_records(struct watch_record **first)
{
  *first = records;
  return atomic_load(&n_records);
}

const char *watch_thread_name(const struct watch_record *record, char out[WATCH_NAME_SIZE])
{
  const uint64_t halves[2] = {atomic_load_explicit(&record->thread[0], memory_order_relaxed),
                              atomic_load_explicit(&record->thread[1], memory_order_relaxed)};
  memcpy(out, halves, sizeof halves);
  out[sizeof halves] = '\0';
  return out;
}
