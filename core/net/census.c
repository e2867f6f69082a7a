#include "net/census.h"

#include <stdlib.h>

const char *transport_name(enum transport transport)
{
  static const char *const names[CARRIED_BY_COUNT] = {
      [CARRIED_BY_TCP] = "tcp",
      [CARRIED_BY_WEBSOCKET] = "websocket",
      [CARRIED_BY_SOCKJS + SOCKJS_WEBSOCKET] = "sockjs-websocket",
      [CARRIED_BY_SOCKJS + SOCKJS_XHR] = "sockjs-xhr",
      [CARRIED_BY_SOCKJS + SOCKJS_XHR_STREAMING] = "sockjs-xhr-streaming",
      [CARRIED_BY_SOCKJS + SOCKJS_EVENTSOURCE] = "sockjs-eventsource",
      [CARRIED_BY_SOCKJS + SOCKJS_HTMLFILE] = "sockjs-htmlfile",
      [CARRIED_BY_SOCKJS + SOCKJS_JSONP] = "sockjs-jsonp",
  };
  return names[transport];
}

bool census_init(struct census *census, size_t n_doors)
{
  census->doors = calloc(n_doors, sizeof *census->doors);
  return census->doors != NULL;
}

void census_fini(struct census *census)
{
  free(census->doors);
  census->doors = NULL;
}

static void add(_Atomic int64_t *count, int64_t n)
{
  atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
                        memory_order_relaxed);
}

void census_enter(struct census *census, size_t door, enum transport transport)
{
  add(&census->doors[door][transport].open, 1);
  add(&census->doors[door][transport].total, 1);
}

void census_leave(struct census *census, size_t door, enum transport transport)
{
  add(&census->doors[door][transport].open, -1);
}

void census_move(struct census *census, size_t door, enum transport from, enum transport to)
{
  add(&census->doors[door][from].open, -1);
  add(&census->doors[door][to].open, 1);
}
