/* How a node gives what it publishes to a broker that lives in a process of its own (isolate/):
 * encoded where it is published, many messages at a time, and without an operation for each, for at
 * the other end is code of ours that answers in the same order. Owns nothing. Tagged [any], [home].
 */
#ifndef PLUGIN_LANE_CALLS_H
#define PLUGIN_LANE_CALLS_H

#include <plugboard/host.h>

#include "base/buf.h"

/* Of whoever publishes. */
struct lane_up {
  /* [home] The oldest message that was handed over and is not over, and its number; NULL: none. */
  const struct plug_msg *(*first)(void *ctx, uint64_t *number);
  /* [home] It is: the broker has taken that message, or never will. */
  void (*over)(void *ctx, plug_status status, struct plug_str detail);
};

struct lane_calls {
  /* [any] Appends how the message of that number goes to the broker. Numbers rise. PLUG_ETOOBIG:
   * nothing was appended; so too with PLUG_ENOMEM. */
  plug_status (*encode)(void *self, struct buf *out, uint64_t number, const struct plug_msg *msg);
  /* [home] Takes all that was encoded. PLUG_PENDING: each will be over, none before this returns.
   * Otherwise as a broker's publish, for all of them. */
  plug_status (*hand_over)(void *self, struct plug_str encoded, const struct lane_up *up,
                           void *ctx);
  /* [any] How long an answer may take, in ms: after that all that is open is over. */
  uint64_t (*limit_ms)(void *self);
};

#endif
