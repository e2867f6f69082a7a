/* Which messages plugins hold references to: what they made, decoded or kept with msg_ref, until
 * msg_unref. A reference given back once too often is noticed before it is another's, and what a
 * plugin has not given back when it is destroyed is known by number. Owns the entries, not the
 * messages. Any thread. */
#ifndef PLUGIN_HELD_H
#define PLUGIN_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include <plugboard/host.h>

struct plugin_instance;

/* One reference more, which is the instance's (NULL: not known whose). False when out of memory. */
bool held_add(const struct plug_msg *msg, struct plugin_instance *instance);
/* One less. False: no plugin holds one. msg may be gone already. */
bool held_remove(const struct plug_msg *msg);
/* Gives back all that was first held by the instance; returns how many messages that were. */
size_t held_reclaim(struct plugin_instance *instance);

#endif
