/* Which reasons of one loss the log is told: the first few at once, others seldom, and what is
 * known already as a reminder. Reasons that go to and fro do not fill it. Owns nothing, no I/O;
 * time comes in. [home] */
#ifndef REDIS_REASONS_H
#define REDIS_REASONS_H

#include "redis_error.h"

enum { REDIS_REASONS_MAX = 3 /* of one loss that are said at once */ };

/* Zero: nothing has been said. */
struct redis_reasons {
  char said[REDIS_REASONS_MAX][REDIS_WHY_MAX]; /* the last */
  unsigned n_said;
  uint64_t said_ms;
};

void redis_reasons_say(struct redis_reasons *reasons, const char *why, uint64_t now_ms);
/* Is it worth a line now? If so it counts as said. */
bool redis_reasons_pass(struct redis_reasons *reasons, const char *why, uint64_t now_ms);

#endif
