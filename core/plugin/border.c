#include "plugin/border.h"

#include <stdio.h>
#include <stdlib.h>

#include "plugin/loop.h"
#include "plugin/part.h"

#define VIOLATION_PERIOD_MS 1000

static void thread_name(char *out, size_t size)
{
  if (pthread_getname_np(pthread_self(), out, size))
    snprintf(out, size, "?");
}

static void violation(const char *area, const char *plugin, struct log_limit *limit,
                      const char *function, const char *what)
{
  char thread[32];
  thread_name(thread, sizeof thread);
#ifdef PLUG_DEBUG
  (void)limit;
  log_write(LOG_VIOLATION, area, "plugin %s broke its contract on thread '%s': %s: %s", plugin,
            thread, function, what);
  abort();
#else
  uint64_t held;
  if (log_limit_pass(limit, VIOLATION_PERIOD_MS, &held))
    log_write(LOG_VIOLATION, area,
              "plugin %s broke its contract on thread '%s': %s: %s (%llu more since the last line)",
              plugin, thread, function, what, (unsigned long long)held);
#endif
}

void border_violation(struct plugin_instance *instance, const char *function, const char *what)
{
  violation(instance->name, instance->id, &instance->violation_limit, function, what);
}

void border_violation_of(const char *id, const char *function, const char *what)
{
  static struct log_limit limit;
  violation("plugin", id ? id : "(unknown)", &limit, function, what);
}

bool border_is_home(struct plugin_instance *instance, const char *function)
{
  if (loop_on_thread(instance->loop))
    return true;
  border_violation(instance, function, "called off the home thread");
  return false;
}

bool border_is_create(struct plugin_instance *instance, const char *function)
{
  if (atomic_load_explicit(&instance->creating, memory_order_acquire) &&
      pthread_equal(instance->creator, pthread_self()))
    return true;
  border_violation(instance, function, "called outside create");
  return false;
}
