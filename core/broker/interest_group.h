/* The brokers that the interest table has, one or, while another takes over, two: each has a slot
 * of its own in every interest. Takes the table's changes to all of them, and makes one answer of
 * theirs. Owns nothing. Control thread only.
 *
 * A topic is confirmed when every broker that is required and up has confirmed it: whoever has a
 * receipt for his SUBSCRIBE gets what is published, whichever of the two carries it. A broker that
 * is down is not waited for where there is another. */
#ifndef BROKER_INTEREST_GROUP_H
#define BROKER_INTEREST_GROUP_H

#include "broker/interest_sync.h"

struct interest_group {
  struct interest_table *table;
  struct interest_sync *syncs[INTEREST_HOLDS]; /* NULL: there is none */
};

/* The table has changes. */
void interest_group_changes(struct interest_group *group);
/* What the plugin of sync says of an interest. */
void interest_group_answer(struct interest_sync *sync, struct interest *interest,
                           plug_status status);
/* True: nobody wants it any more, and it is removed; the others are told. */
bool interest_group_retire(struct interest_sync *sync, struct interest *interest);
/* One of them is away, or required no more: what waited for its answer does not. */
void interest_group_settle(struct interest_group *group);

#endif
