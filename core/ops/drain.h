/* How the server takes leave of its sessions when it stops: which pace keeps all clients from
 * coming back at once, and the order to the workers. Owns nothing. Main thread. */
#ifndef OPS_DRAIN_H
#define OPS_DRAIN_H

#include "config/settings.h"
#include "net/worker.h"

struct drain_plan {
  uint64_t span_ms;    /* within which all sessions have their turn */
  uint64_t overlap_ms; /* for those who are told beforehand, with the time that they are to wait */
  uint64_t per_s;      /* closes, at most */
  bool hurried;        /* more than [server] drain-rate allows */
};

/* For so many connections and a time for all of it: four fifths of drain-time. */
struct drain_plan drain_plan_for(const struct settings *settings, uint64_t n, uint64_t time_ms);

struct drain {
  struct worker *workers;
  unsigned n_left;    /* those that have not parted from all */
  uint64_t parted_ms; /* when that ends, by base/clock.h */
};

/* No new sessions begin, and those that there are end one after the other, while everything else
 * works, until four fifths of the time to end_ms of base/clock.h are over. workers: those that run.
 */
void drain_begin(struct drain *drain, struct worker *workers, unsigned n_workers,
                 const struct settings *settings, uint64_t end_ms);
/* False: all have ended, or the time is over. */
bool drain_goes_on(struct drain *drain);

#endif
