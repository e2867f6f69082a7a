/* The lane of messages from the workers to a broker in a process of its own: put in by any thread,
 * already encoded, taken home many at a time, handed over, and kept until the broker has answered,
 * in order. Owns the batches, which serve again; an item has a reference to its message, which goes
 * over to whoever is given the item. Tagged [any], [home]; made and freed when nobody uses it. */
#ifndef BROKER_LANE_H
#define BROKER_LANE_H

#include "broker/engine.h"
#include "plugin/lane_calls.h"

struct lane_item {
  const struct plug_msg *msg;
  uint64_t number;
  struct publish_to to;
};

struct lane_batch {
  struct lane_batch *next;
  struct lane_item *items;
  size_t n, cap, at; /* before at they are over */
  struct buf encoded;
};

struct lane;

/* self: for calls. NULL: out of memory. */
struct lane *lane_new(const struct lane_calls *calls, void *self);
void lane_free(struct lane *lane); /* lets go of what is still in it; NULL is fine */

/* [any] PLUG_PENDING: it is in it; *first: it was empty, so that somebody has to come and take.
 * PLUG_ETOOBIG, PLUG_ENOMEM: it is not. */
plug_status lane_put(struct lane *lane, const struct plug_msg *msg, const struct publish_to *to,
                     bool *first);
/* [home] All that was put in until now; NULL: nothing. Then one of the two that follow. */
struct lane_batch *lane_take(struct lane *lane);
/* [home] PLUG_PENDING: the broker has it; its items come out of lane_first. Otherwise the batch and
 * its items stay the caller's. */
plug_status lane_hand_over(struct lane *lane, struct lane_batch *batch, const struct lane_up *up,
                           void *ctx);
/* [home] The caller has dealt with all items. */
void lane_give_back(struct lane *lane, struct lane_batch *batch);

/* [home] The oldest that was handed over and is not over; NULL: none. Until lane_next. */
const struct lane_item *lane_first(const struct lane *lane);
/* [home] It is over: the item that is returned is the caller's. */
struct lane_item lane_next(struct lane *lane);

#endif
