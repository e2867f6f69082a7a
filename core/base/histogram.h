/* The server's histograms of times: how long things took, in buckets that are the same for all.
 * Owns their counts, which are shared by all threads; what is observed is sampled, so that an
 * atomic add is cheap enough. Any thread.
 *
 * The X-macro is the one list: name without unit, and its help text. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_MAP(X)                                                                  \
  X(delivery, "from a message's acceptance by this node until its frames are written to " \
              "sockets, sampled")                                                         \
  X(broker_round_trip, "from a publish until the broker has taken it, sampled")           \
  X(auth_round_trip, "from a CONNECT or renewal until the auth plugins have judged it")

enum histogram {
#define X(name, help) HISTOGRAM_##name,
  HISTOGRAM_MAP(X)
#undef X
      HISTOGRAM_COUNT
};

/* Upper bounds of the buckets; one more stands behind them for what is longer. */
#define HISTOGRAM_BOUNDS 17
extern const uint32_t histogram_bounds_us[HISTOGRAM_BOUNDS];

void histogram_observe(enum histogram which, uint64_t us);

struct histogram_counts {
  uint64_t up_to[HISTOGRAM_BOUNDS + 1]; /* cumulative; the last one is all of them */
  uint64_t sum_us;
};
/* Never less than at an earlier read; what is observed meanwhile may be in it or not. */
void histogram_read(enum histogram which, struct histogram_counts *out);

const char *histogram_name(enum histogram which);
const char *histogram_help(enum histogram which);

#endif
