/* Names of Redis channels: topics in their namespace, and Ant patterns as Redis globs. Owns
 * nothing, no I/O, any thread.
 *
 *   PREFIX t: TOPIC      a topic; runs of slashes become one slash, because Ant patterns do not
 *                        tell them apart. The message itself knows its exact topic.
 *   PREFIX t: GLOB       a pattern, for PSUBSCRIBE; covers at least what the pattern matches
 *   PREFIX probe: NODE   the node's own channel; outside of t:, so that no glob catches it */
#ifndef REDIS_GLOB_H
#define REDIS_GLOB_H

#include "redis_buf.h"

/* The channel of a topic, appended to out. */
void redis_channel_put(struct redis_buf *out, struct plug_str prefix, struct plug_str topic);
/* The glob of an Ant pattern, appended to out. */
void redis_glob_put(struct redis_buf *out, struct plug_str prefix, struct plug_str pattern);

#endif
