#include "backoff.h"

#include <sys/random.h>
#include <time.h>

void backoff_init(struct backoff *backoff)
{
  if (getrandom(&backoff->random, sizeof backoff->random, GRND_NONBLOCK) ==
          sizeof backoff->random &&
      backoff->random != 0)
    return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  backoff->random = ((uint64_t)now.tv_nsec ^ (uintptr_t)backoff) | 1;
}

static uint64_t next_random(struct backoff *backoff)
{
  backoff->random ^= backoff->random << 13;
  backoff->random ^= backoff->random >> 7;
  backoff->random ^= backoff->random << 17;
  return backoff->random;
}

uint64_t backoff_next_ms(struct backoff *backoff, unsigned n_failures, uint64_t min_ms,
                         uint64_t max_ms)
{
  uint64_t delay_ms = min_ms;
  for (unsigned i = 1; i < n_failures && delay_ms < max_ms; i++)
    delay_ms *= 2;
  if (delay_ms > max_ms)
    delay_ms = max_ms;
  return delay_ms / 2 + next_random(backoff) % (delay_ms / 2 + 1);
}
