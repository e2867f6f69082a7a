#include "hub/route.h"

#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "hub/topic.h"

void routes_clear(struct hub *hub)
{
  struct map_iter it = {0, NULL};
  struct map_entry *e;
  while ((e = map_next(&hub->routes, &it))) {
    struct route *route = container_of(e, struct route, by_name);
    free(route->matches);
    free(route);
  }
  map_fini(&hub->routes);
  hub->route_bytes = 0;
}

/* --- who pays ----------------------------------------------------------------------------- */

/* A subscriber of the pattern that may still spend something; NULL: all of them are to end. */
static struct subscription *payer_of(const struct topic *topic)
{
  for (uint32_t g = 0; g < topic->n_groups; g++)
    for (uint32_t i = 0; i < topic->groups[g]->n; i++)
      if (!topic->groups[g]->queues[i]->overflow)
        return topic->groups[g]->members[i];
  return NULL;
}

static void charge(struct hub *hub, struct outq *queue, uint64_t steps)
{
  hub->pattern_steps += steps;
  if (!queue->pattern_steps && hub->n_charged < hub->cap_charged)
    hub->charged[hub->n_charged++] = queue;
  uint64_t sum = queue->pattern_steps + steps;
  queue->pattern_steps = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

/* Room for one more; without it nothing may be charged, for it could not be forgotten. */
static bool may_charge(struct hub *hub)
{
  if (hub->n_charged < hub->cap_charged)
    return true;
  uint32_t cap = hub->cap_charged ? hub->cap_charged * 2 : 64;
  struct outq **grown = realloc(hub->charged, cap * sizeof(struct outq *));
  if (!grown)
    return false;
  hub->charged = grown;
  hub->cap_charged = cap;
  return true;
}

void route_charges_end(struct hub *hub)
{
  while (hub->n_charged)
    hub->charged[--hub->n_charged]->pattern_steps = 0;
}

bool route_matches(struct hub *hub, struct topic *topic, struct plug_str name)
{
  struct subscription *payer;
  while ((payer = payer_of(topic)) && may_charge(hub)) {
    struct outq *queue = payer->group->queues[payer->index];
    uint64_t may = hub->max_pattern_steps > queue->pattern_steps
                       ? hub->max_pattern_steps - queue->pattern_steps
                       : 0;
    uint64_t left = may;
    bool matches = may && pattern_match_within(topic->pattern, name, &left);
    charge(hub, queue, may - left + 1);
    if (left)
      return matches;
    COUNT(refused_pattern_steps);
    hub->on_costly(payer);
  }
  return false;
}

/* --- the cache ---------------------------------------------------------------------------- */

static bool route_add(struct hub *hub, struct route *route, struct topic *topic)
{
  if (route->n == route->cap) {
    uint32_t cap = route->cap ? route->cap * 2 : 4;
    struct topic **matches = realloc(route->matches, cap * sizeof *matches);
    if (!matches)
      return false;
    hub->route_bytes += (cap - route->cap) * sizeof *matches;
    route->matches = matches;
    route->cap = cap;
  }
  route->matches[route->n++] = topic;
  return true;
}

static struct route *route_new(struct hub *hub, struct plug_str name)
{
  struct route *route = calloc(1, sizeof *route + name.len);
  if (!route)
    return NULL;
  if (name.len)
    memcpy(route->name, name.ptr, name.len);
  route->by_name.key = str_from(route->name, name.len);
  if (!map_insert(&hub->routes, &route->by_name)) {
    free(route);
    return NULL;
  }
  hub->route_bytes += sizeof *route + name.len;
  return route;
}

struct route *route_get(struct hub *hub, struct plug_str name)
{
  struct map_entry *e = map_find(&hub->routes, name);
  struct route *route = e ? container_of(e, struct route, by_name) : NULL;
  if (route && route->generation == hub->pattern_generation)
    return route;
  if (hub->routes.count && hub->route_bytes >= hub->max_route_bytes) {
    COUNT(route_cache_full);
    routes_clear(hub);
    route = NULL;
  }
  if (!route && !(route = route_new(hub, name)))
    return NULL;
  route->generation = hub->pattern_generation;
  route->n = 0;
  for (struct list *l = hub->pattern_list.next; l != &hub->pattern_list; l = l->next) {
    struct topic *topic = container_of(l, struct topic, link);
    if (route_matches(hub, topic, name) && !route_add(hub, route, topic)) {
      route->generation = 0; /* incomplete: not to be used again */
      route_charges_end(hub);
      return NULL;
    }
  }
  route_charges_end(hub);
  return route;
}
