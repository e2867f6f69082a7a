/* The parts of the server that metrics, health and the stats tell of. Owns nothing: all of it
 * outlives whoever reads it, and is made before workers run. */
#ifndef OPS_SOURCES_H
#define OPS_SOURCES_H

#include "access/chain.h"
#include "broker/broker.h"
#include "config/settings.h"
#include "net/worker.h"

struct ops_sources {
  const struct settings *settings; /* of the start: what a reload changes is not looked at here */
  struct broker *broker;
  /* Or NULL. Workers may look at what they read here until their next turn, the main thread for as
   * long as it makes no others. */
  const struct chain *_Atomic access, *_Atomic app;
  struct worker *workers;
  unsigned n_workers;
  struct loop *loop;           /* the control thread */
  struct tls_contexts *tls;    /* NULL: there is no TLS */
  const _Atomic bool *leaving; /* the server is about to stop */
  uint64_t started_ms;         /* by base/clock.h */
};

/* What a client, a user or a message is counted in, over all workers. [any] */
struct ops_totals {
  int64_t by_transport[CARRIED_BY_COUNT]; /* open connections that carry sessions */
  int64_t carried;                        /* connections that ever did */
  uint64_t inbox_messages, inbox_bytes;   /* that wait for workers */
};
void ops_totals_read(const struct ops_sources *sources, struct ops_totals *out);

/* The name of the broker's plugin, without the path of a file. */
struct plug_str ops_broker_name(const struct ops_sources *sources);

#endif
