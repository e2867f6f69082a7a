#include "ops/rollcall.h"

#include <inttypes.h>
#include <stdio.h>

void rollcall_init(struct rollcall *call, uint64_t limit_ms)
{
  *call = (struct rollcall){.limit_ms = limit_ms};
  pthread_mutex_init(&call->lock, NULL);
}

void rollcall_fini(struct rollcall *call)
{
  pthread_mutex_destroy(&call->lock);
}

void rollcall_add(struct rollcall *call, const struct rollcall_source *source)
{
  if (call->n < ROLLCALL_MAX)
    call->all[call->n++].source = *source;
}

static void say(struct rollcall *call, const char *name, uint64_t ms)
{
  pthread_mutex_lock(&call->lock);
  if (name)
    snprintf(call->reason, sizeof call->reason, "thread '%s' has not come round for %" PRIu64 " ms",
             name, ms);
  else
    call->reason[0] = '\0';
  pthread_mutex_unlock(&call->lock);
}

bool rollcall_take(struct rollcall *call, uint64_t now_ms)
{
  const char *hanging = NULL;
  uint64_t longest_ms = 0, taken_ms = atomic_load(&call->taken_ms);
  /* The process was stopped, or the machine was: nobody could come round. */
  bool was_away = taken_ms && now_ms > taken_ms + call->limit_ms / 2;
  for (size_t i = 0; i < call->n; i++) {
    struct rollcall_source *source = &call->all[i].source;
    uint64_t rounds = source->rounds(source->ctx);
    if (rounds != call->all[i].rounds || !call->all[i].since_ms || was_away) {
      call->all[i].rounds = rounds;
      call->all[i].since_ms = now_ms;
    }
    uint64_t ms = now_ms - call->all[i].since_ms;
    if (ms > call->limit_ms && ms > longest_ms) {
      hanging = source->name;
      longest_ms = ms;
    }
    source->ask(source->ctx);
  }
  say(call, hanging, longest_ms);
  atomic_store(&call->hangs, hanging != NULL);
  atomic_store(&call->taken_ms, now_ms);
  return !hanging;
}

bool rollcall_is_alive(struct rollcall *call, uint64_t now_ms, char *reason, size_t size)
{
  uint64_t taken_ms = atomic_load(&call->taken_ms);
  if (size)
    reason[0] = '\0';
  if (taken_ms && now_ms > taken_ms + call->limit_ms) {
    if (size)
      snprintf(reason, size, "nobody has looked at the threads for %" PRIu64 " ms",
               now_ms - taken_ms);
    return false;
  }
  if (!atomic_load(&call->hangs))
    return true;
  pthread_mutex_lock(&call->lock);
  if (size)
    snprintf(reason, size, "%s", call->reason);
  pthread_mutex_unlock(&call->lock);
  return false;
}
