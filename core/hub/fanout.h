/* Encodes messages for groups of subscribers and queues them there. Owns nothing: the encodings
 * that groups have in common are kept in the hub's buffers. Worker's thread only. */
#ifndef HUB_FANOUT_H
#define HUB_FANOUT_H

#include "hub/topic.h"

#define FANOUT_MESSAGES_MAX 64

/* Queues n messages of one destination, in their order, for all members of groups.
 *
 * Several messages are encoded as one burst for each group, so that a subscriber costs the same as
 * with one message. Who is in several of the groups gets message by message, from one group after
 * the other, as if they had come one at a time; so do subscribers that acknowledge. */
void fanout(struct hub *hub, const struct plug_msg *const *msgs, uint32_t n,
            struct group *const *groups, uint32_t n_groups);
/* Queues one message for one subscription. */
void fanout_one(struct hub *hub, struct subscription *sub, const struct plug_msg *msg);

#endif
