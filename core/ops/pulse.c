#include "ops/pulse.h"

#include <inttypes.h>
#include <stdio.h>

void pulse_init(struct pulse *pulse, uint64_t limit_ms)
{
  *pulse = (struct pulse){.limit_ms = limit_ms};
  pthread_mutex_init(&pulse->lock, NULL);
}

void pulse_fini(struct pulse *pulse)
{
  pthread_mutex_destroy(&pulse->lock);
}

void pulse_add(struct pulse *pulse, const struct pulse_source *source)
{
  if (pulse->n < PULSE_MAX)
    pulse->all[pulse->n++].source = *source;
}

static void say(struct pulse *pulse, const char *name, uint64_t ms)
{
  pthread_mutex_lock(&pulse->lock);
  if (name)
    snprintf(pulse->reason, sizeof pulse->reason,
             "thread '%s' has not come round for %" PRIu64 " ms", name, ms);
  else
    pulse->reason[0] = '\0';
  pthread_mutex_unlock(&pulse->lock);
}

bool pulse_take(struct pulse *pulse, uint64_t now_ms)
{
  const char *hanging = NULL;
  uint64_t longest_ms = 0, taken_ms = atomic_load(&pulse->taken_ms);
  /* The process was stopped, or the machine was: nobody could come round. */
  bool was_away = taken_ms && now_ms > taken_ms + pulse->limit_ms / 2;
  for (size_t i = 0; i < pulse->n; i++) {
    struct pulse_source *source = &pulse->all[i].source;
    uint64_t rounds = source->rounds(source->ctx);
    if (rounds != pulse->all[i].rounds || !pulse->all[i].since_ms || was_away) {
      pulse->all[i].rounds = rounds;
      pulse->all[i].since_ms = now_ms;
    }
    uint64_t ms = now_ms - pulse->all[i].since_ms;
    if (ms > pulse->limit_ms && ms > longest_ms) {
      hanging = source->name;
      longest_ms = ms;
    }
    source->ask(source->ctx);
  }
  say(pulse, hanging, longest_ms);
  atomic_store(&pulse->hangs, hanging != NULL);
  atomic_store(&pulse->taken_ms, now_ms);
  return !hanging;
}

bool pulse_is_alive(struct pulse *pulse, uint64_t now_ms, char *reason, size_t size)
{
  uint64_t taken_ms = atomic_load(&pulse->taken_ms);
  if (size)
    reason[0] = '\0';
  if (taken_ms && now_ms > taken_ms + pulse->limit_ms) {
    if (size)
      snprintf(reason, size, "nobody has looked at the threads for %" PRIu64 " ms",
               now_ms - taken_ms);
    return false;
  }
  if (!atomic_load(&pulse->hangs))
    return true;
  pthread_mutex_lock(&pulse->lock);
  if (size)
    snprintf(reason, size, "%s", pulse->reason);
  pthread_mutex_unlock(&pulse->lock);
  return false;
}
