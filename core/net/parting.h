/* How a worker takes leave of its sessions when the server stops: one after the other, evenly over
 * a time, while all the others go on. Who has asked for it is told first and stays open for a
 * while, so that its client can come to another node before it leaves this one; all others are
 * read no further, get what they are owed, and are closed. Belongs to its net_env, whose
 * connections are the sessions'. Worker's thread only.
 *
 *   not yet --> told (open, drain-overlap) --> retired (not read; owed answers) --> closed
 *          \___________________________________^
 */
#ifndef NET_PARTING_H
#define NET_PARTING_H

#include <stdbool.h>
#include <stdint.h>

#include "net/conn.h"
#include "net/timers.h"

enum parting_stage { PARTING_NOT_YET, PARTING_TOLD, PARTING_RETIRED };

/* All times by base/clock.h. */
struct parting_plan {
  uint64_t span_ms;    /* within which each session has its turn */
  uint64_t overlap_ms; /* of those who are told; 0: nobody is */
  uint64_t end_ms;     /* when all that are left have theirs; who is still owed something stays */
};

struct parting {
  struct net_env *env;
  struct timer timer;
  struct parting_plan plan;
  uint64_t begin_ms;
  uint64_t n_turns, n_done;
  struct conn_scan scan; /* whose turn it is */
  bool scanning;
  void (*over)(struct parting *parting); /* called once: nobody is left, or it is end_ms */
};

void parting_init(struct parting *parting, struct net_env *env,
                  void (*over)(struct parting *parting));

/* No session begins any more, and the API takes nothing; what there is goes on. */
void parting_shut(struct net_env *env);

/* Begins. Once; after parting_shut. */
void parting_begin(struct parting *parting, const struct parting_plan *plan);
/* Ends at once, without over; whoever is left stays as he is. */
void parting_stop(struct parting *parting);

/* Closes its session now, with what the client should know. */
void parting_close(struct conn *conn);

#endif
