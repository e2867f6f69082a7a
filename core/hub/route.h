/* Which patterns match a destination: a cache, so that a steady publisher costs no matching, and
 * what may be spent on a destination that it does not hold. Clients write the patterns, so matching
 * is counted in steps (pattern.h) and charged to a session that has subscribed to the pattern: one
 * whose patterns take more than max_pattern_steps for one message is reported, and its patterns are
 * not looked at any more. Bounded in bytes. Private to core/hub, where the hub owns it. Worker's
 * thread only. */
#ifndef HUB_ROUTE_H
#define HUB_ROUTE_H

#include "hub/hub.h"

struct topic;

struct route {
  struct map_entry by_name;
  uint64_t generation;
  uint32_t n, cap;
  struct topic **matches;
  char name[];
};

/* Valid until the next call, or until a pattern comes or goes. NULL when out of memory. */
struct route *route_get(struct hub *hub, struct plug_str name);
void routes_clear(struct hub *hub);

/* Does the pattern of this topic match, as far as its subscribers may spend steps on that? */
bool route_matches(struct hub *hub, struct topic *topic, struct plug_str name);
/* What was charged for one message is forgotten. */
void route_charges_end(struct hub *hub);

#endif
