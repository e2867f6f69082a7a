#include "plugin/watch.h"

#include <pthread.h>
#include <stdio.h>

#include "plugin/crash_stack.h"

_Thread_local struct watch_record *watch_mine;

static struct watch_record records[WATCH_THREADS_MAX];
static _Atomic size_t n_records;
/* For threads beyond the last; each has its own, so that leaving finds what entering has left. */
static _Thread_local struct watch_record blind;

struct watch_record *watch_bind(void)
{
  size_t i = atomic_load(&n_records);
  while (i < WATCH_THREADS_MAX && !atomic_compare_exchange_weak(&n_records, &i, i + 1))
    ;
  watch_mine = i < WATCH_THREADS_MAX ? &records[i] : &blind;
  if (pthread_getname_np(pthread_self(), watch_mine->thread, sizeof watch_mine->thread))
    snprintf(watch_mine->thread, sizeof watch_mine->thread, "?");
  crash_stack_set();
  return watch_mine;
}

void watch_set_home(void)
{
  struct watch_record *mine = watch_mine ? watch_mine : watch_bind();
  atomic_store_explicit(&mine->is_home, true, memory_order_relaxed);
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
