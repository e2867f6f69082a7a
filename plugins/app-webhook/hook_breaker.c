#include "hook_breaker.h"

void hook_breaker_init(struct hook_breaker *breaker, uint64_t threshold, uint64_t pause_ms)
{
  *breaker = (struct hook_breaker){.threshold = threshold, .pause_ms = pause_ms};
}

bool hook_breaker_lets(const struct hook_breaker *breaker, uint64_t now_ms)
{
  return breaker->state == HOOK_CLOSED ||
         (breaker->state == HOOK_OPEN && now_ms >= breaker->until_ms);
}

uint32_t hook_breaker_begin(struct hook_breaker *breaker)
{
  if (breaker->state == HOOK_OPEN) {
    breaker->state = HOOK_TRIAL;
    breaker->round++;
  }
  return breaker->round;
}

bool hook_breaker_end(struct hook_breaker *breaker, uint32_t round, bool good, uint64_t now_ms)
{
  if (round != breaker->round)
    return false;
  if (good) {
    bool was_closed = breaker->state == HOOK_CLOSED;
    breaker->state = HOOK_CLOSED;
    breaker->failures = 0;
    breaker->round += !was_closed;
    return !was_closed;
  }
  breaker->failures++;
  if (breaker->state == HOOK_CLOSED && breaker->failures < breaker->threshold)
    return false;
  breaker->state = HOOK_OPEN;
  breaker->until_ms = now_ms + breaker->pause_ms;
  breaker->round++;
  return true;
}
