/* Local delivery in publish order, for brokers without PLUG_CAP_ECHO: a message is delivered when
 * its publish has succeeded and the outcome of every earlier one of its topic is known, whatever
 * the order and the threads in which they become known. Owns the queue of turns per topic, not the
 * turns. Functions are [any]. */
#ifndef BROKER_ORDER_H
#define BROKER_ORDER_H

#include "hub/interest.h"

enum order_outcome { ORDER_UNKNOWN, ORDER_DELIVER, ORDER_SKIP };

/* A message's place among those of its topic; embedded in its owner. Private. */
struct order_turn {
  struct order_turn *next;  /* behind this one */
  struct order_turn *last;  /* of the first in a queue: its end */
  struct order_turn *queue; /* of the first in a queue: another queue in the same bucket */
  const struct plug_msg *msg;
  uint64_t topic_hash;
  enum order_outcome outcome;
  bool delivering; /* some thread is at it, and goes on with those behind */
};

struct order;

/* deliver(ctx, msg): lets one in, as interest_deliver with interest 0. over(turn): has been
 * delivered or skipped, and may be freed; called with no lock held, on the thread of any order_end.
 * NULL: out of memory. */
struct order *order_new(plug_status (*deliver)(void *ctx, const struct plug_msg *msg),
                        void (*over)(struct order_turn *turn), void *ctx);
/* After the last turn is over. NULL is fine. */
void order_free(struct order *order);

/* Before the publish: takes the place behind all of the topic that came earlier. msg is borrowed
 * until over. */
void order_enter(struct order *order, struct order_turn *turn, const struct plug_msg *msg);
/* Once per turn. Delivers what is due now, which may be nothing, or others too. PLUG_EAGAIN: its
 * own message was delivered, or dropped, where a worker is behind. turn may be gone afterwards. */
plug_status order_end(struct order *order, struct order_turn *turn, bool deliver);

#endif
