/* How long to wait before another attempt: twice as long after each failure, half of it by chance,
 * for a hundred nodes shall not come back in the same millisecond. Owns nothing. One thread at a
 * time. */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

struct backoff {
  uint64_t random; /* never 0 */
};

void backoff_init(struct backoff *backoff);
/* After so many failures in a row. min_ms <= max_ms. */
uint64_t backoff_next_ms(struct backoff *backoff, unsigned n_failures, uint64_t min_ms,
                         uint64_t max_ms);

#endif
