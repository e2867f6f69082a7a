/* How many connections that carry sessions a worker has, by the door they came in by and by what
 * carries them. Owns the numbers. Worker's thread, but for what is tagged. */
#ifndef NET_CENSUS_H
#define NET_CENSUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sockjs/sockjs_url.h"

enum transport {
  CARRIED_BY_TCP,
  CARRIED_BY_WEBSOCKET,
  CARRIED_BY_SOCKJS, /* and enum sockjs_transport; those that only send have none */
  CARRIED_BY_COUNT = CARRIED_BY_SOCKJS + SOCKJS_TRANSPORTS
};

/* "tcp", "websocket", "sockjs-xhr-streaming"; NULL: nothing comes by it. [any] */
const char *transport_name(enum transport transport);

struct census_cell {
  _Atomic int64_t open, total;
};

struct census {
  struct census_cell (*doors)[CARRIED_BY_COUNT]; /* 0 is TCP, 1 + i the endpoint i */
};

bool census_init(struct census *census, size_t n_doors);
void census_fini(struct census *census);

void census_enter(struct census *census, size_t door, enum transport transport);
void census_leave(struct census *census, size_t door, enum transport transport);
/* The same connection comes by another one from here on. */
void census_move(struct census *census, size_t door, enum transport from, enum transport to);

#endif
