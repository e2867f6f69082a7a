/* Presence goes over to another broker: what this node has said to the one that runs it says again
 * to the new one, and rooms are listed anew. The main thread. */
#ifndef PRESENCE_PRESENCE_SWAP_H
#define PRESENCE_PRESENCE_SWAP_H

#include "presence/presence.h"

/* Has that broker what presence needs, or does nobody ask for it? */
bool presence_swap_fits(struct presence *presence, const struct plugin_instance *broker);
/* The new one runs; the old one is not asked any more. */
void presence_swap(struct presence *presence, struct plugin_instance *broker);

#endif
