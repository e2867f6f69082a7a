#include "redis_reasons.h"

#include <stdio.h>
#include <string.h>

enum {
  STILL_MS = 60000, /* repeats a reason */
  OTHER_MS = 5000,  /* says another one, when the first few have been said */
};

void redis_reasons_say(struct redis_reasons *reasons, const char *why, uint64_t now_ms)
{
  reasons->said_ms = now_ms;
  snprintf(reasons->said[reasons->n_said % REDIS_REASONS_MAX], REDIS_WHY_MAX, "%s", why);
  reasons->n_said++;
}

static bool has_said(const struct redis_reasons *reasons, const char *why)
{
  for (unsigned i = 0; i < reasons->n_said && i < REDIS_REASONS_MAX; i++)
    if (strcmp(reasons->said[i], why) == 0)
      return true;
  return false;
}

bool redis_reasons_pass(struct redis_reasons *reasons, const char *why, uint64_t now_ms)
{
  bool known = has_said(reasons, why);
  if ((known || reasons->n_said >= REDIS_REASONS_MAX) &&
      now_ms - reasons->said_ms < (known ? STILL_MS : OTHER_MS))
    return false;
  redis_reasons_say(reasons, why, now_ms);
  return true;
}
