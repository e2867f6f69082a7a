/* Where two brokers bring the same messages, while one takes over from the other: lets each message
 * into the interest table once. Owns what it has seen and what it holds back, while it is open.
 * Functions are tagged [start] or [any].
 *
 *   OFF ---> MARK ---> MERGE ---> TAIL ---> OFF
 *
 * MARK: the leader delivers as ever, and is noted; what the other one brings is held back, from its
 * very first message on, since other nodes may use both already. By the end of it the leader must
 * have brought all that was published by it alone.
 * MERGE: who brings a message first delivers it, to all who match; whatever comes of it later, by
 * the other one or for another interest, is a duplicate.
 * TAIL: one of the two is gone, and the other one delivers as ever, but for what was delivered in
 * MERGE already.
 *
 * Why the order of a topic holds. Let a be published before b, both to both brokers, and let each
 * broker keep the order of a topic. Whichever brings b first has brought a before, so a was let in
 * before b, or by the other one even earlier. If a was published to the leader alone, it came
 * within MARK, and b, if the other one brought it first, was held back until after. If b was
 * published to the successor alone, a came by it too, and before b. Looking, noting and putting
 * into the inboxes of the workers is one step under a lock that is the topic's: nothing overtakes
 * in between. An interest of its own for each copy would not do, since the copies for a topic and
 * for a pattern may come by different brokers: therefore MERGE delivers to all at once; and of a
 * message whose first copy came in MARK or TAIL all further ones of the same broker pass. */
#ifndef BROKER_GATE_H
#define BROKER_GATE_H

#include "hub/interest.h"

struct gate;

struct gate *gate_new(struct interest_table *table); /* [start] NULL: out of memory */
void gate_free(struct gate *gate);                   /* [start] */

/* [start] MARK; leader: 0 or 1. */
void gate_mark(struct gate *gate, unsigned leader);
void gate_merge(struct gate *gate); /* [start] What was held back is delivered. */
/* [start] Of what was held back only what nobody has seen is delivered. */
void gate_tail(struct gate *gate);
void gate_off(struct gate *gate); /* [start] All is forgotten. */

/* [any] As interest_deliver. side: who brings it, 0 or 1. */
plug_status gate_deliver(struct gate *gate, unsigned side, uint64_t interest,
                         const struct plug_msg *msg);

#endif
