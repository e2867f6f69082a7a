#include "plugin/instance_call.h"

#include <unistd.h>

#include "base/clock.h"
#include "plugin/loop_pin.h"
#include "plugin/part.h"

#define HOME_LIMIT_MS  10
#define SLOW_PERIOD_MS 1000

static void report_slow(struct plugin_instance *instance, const char *function, uint64_t took_us,
                        unsigned limit_ms)
{
  uint64_t held;
  char more[LOG_HELD_MAX];
  if (took_us > limit_ms * 1000ull && log_limit_pass(&instance->slow_limit, SLOW_PERIOD_MS, &held))
    log_warn(instance->name, "%s took %llu ms, its limit is %u ms%s", function,
             (unsigned long long)(took_us / 1000), limit_ms, log_held(held, more));
}

void instance_call_begin(struct instance_call *call, struct plugin_instance *instance,
                         const char *function)
{
  call->instance = instance;
  call->function = function;
  watch_enter(&call->watch, instance, function);
  call->begin_us = clock_now_us();
}

void instance_call_end_within(const struct instance_call *call, unsigned limit_ms)
{
  watch_leave(&call->watch);
  report_slow(call->instance, call->function, clock_now_us() - call->begin_us, limit_ms);
}

void instance_call_end(const struct instance_call *call)
{
  /* Back from a call after the server has gone on without this thread: what is around may be gone
   * too. */
  if (part_state(call->instance) == INSTANCE_ABANDONED)
    while (loop_is_left(call->instance->loop))
      pause();
  instance_call_end_within(call, HOME_LIMIT_MS);
}
