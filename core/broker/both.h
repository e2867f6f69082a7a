/* One message that is published to two brokers and answered once: as soon as the first of them has
 * taken it; when it fails there, as the second one says. Owns the answer until then, and itself
 * until both have said how it went. Functions are [any]. */
#ifndef BROKER_BOTH_H
#define BROKER_BOTH_H

#include <plugboard/abi.h>

#include "hub/inbox.h"

struct both;

/* answer is taken over, and goes to inbox with the status. NULL: out of memory. */
struct both *both_new(struct inbox_item *answer, struct inbox *inbox);
/* Once for each: place 0 is the first, place 1 the second one. */
void both_finish(struct both *both, unsigned place, plug_status status);

#endif
