/* A worker: one thread with one event loop, its own listening sockets on the shared ports, its
 * connections and its part of the hub. Owns all of these. Functions are tagged [start] (before the
 * thread runs or after it has ended), [worker] or [any].
 *
 * A turn of the loop:  wait --> events (accept, read, timers)
 *                           --> end of the turn: inbox drained, dirty connections written once
 * each, doomed ones cut off.
 *
 * The end comes in steps, so that what clients were told has been taken reaches those who are to
 * have it: no new sessions begin (shut); those that there are part one after the other, while the
 * rest goes on (net/parting.h); all workers fall quiet (they accept and read nothing more); and
 * only when every inbox holds what was published until then the sessions that are left are closed.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <pthread.h>
#include <semaphore.h>

#include "net/env.h"
#include "net/listener.h"
#include "net/parting.h"
#include "net/sender.h"

struct worker_socket { /* bound, not yet accepted from */
  int fd;
  struct door door;
};

struct worker {
  unsigned index;
  struct net_env env;
  struct inbox inbox;
  struct listener *listeners;
  struct worker_socket *sockets;
  unsigned n_listeners, n_sockets;
  struct sender *sender; /* made by the worker's thread */
  struct timer drain;
  struct parting parting;
  uint64_t follow_ms;     /* when the next message may be followed */
  unsigned n_deferred;    /* turns for which sending has waited */
  uint64_t answered_ms;   /* when it last answered for others */
  _Atomic uint64_t turns; /* begun so far: it is alive if they rise */
  int obeyed;             /* the last command */
  bool ending;            /* the turn that is under way is the last */
  bool stepped;           /* a handshake, in this turn */
  /* In lines of their own: what whoever wakes it reads is not what it writes in each turn. */
  _Alignas(64) pthread_t thread;
  sem_t shut, parted, quiet; /* posted once it is */
  struct parting_plan plan;  /* of the command to part, written before it; as deadline_ms */
  _Atomic uint64_t n_shut;   /* connections that it had then */
  _Atomic int command;       /* what it is to do, in the order of enum worker_command */
  _Atomic(struct counter_block *) counters; /* of its thread; NULL: it has not started */
  uint64_t deadline_ms;                     /* of the command to stop; written before it */
  bool initialised;
};

struct generation; /* generation.h */

/* [start] One after the other. On failure err->text is a sentence. */
plug_status worker_init(struct worker *worker, unsigned index, const struct generation *generation,
                        struct broker *broker, struct interest_table *interests,
                        const struct pages *pages, struct sockjs_registry *sockjs,
                        _Atomic int64_t *n_sockets, struct addresses *addresses,
                        struct plug_err *err);
/* [start] Takes over a bound socket. */
plug_status worker_listen(struct worker *worker, int fd, const struct door *door);
plug_status worker_run(struct worker *worker); /* [start] starts the thread */

/* [worker] Its doors become as the settings have them. */
void worker_renew_doors(struct worker *worker);
/* [any] Begins no sessions any more. */
void worker_shut(struct worker *worker);
/* [any] Waits until that is so, at most until deadline_ms of base/clock.h. Returns how many
 * connections there are to part from; 0, too, if it was not so in time. */
uint64_t worker_wait_shut(struct worker *worker, uint64_t deadline_ms);
/* [any] After worker_shut. */
void worker_part(struct worker *worker, const struct parting_plan *plan);
/* [any] Has it parted from all? True once. */
bool worker_has_parted(struct worker *worker);
/* [any] Stops accepting and reading. */
void worker_quiet(struct worker *worker);
/* [any] Waits until it has, at most until deadline_ms of base/clock.h. */
void worker_wait_quiet(struct worker *worker, uint64_t deadline_ms);
/* [any] Closes the sessions that are left, and ends when all are gone or at deadline_ms of
 * base/clock.h. */
void worker_stop(struct worker *worker, uint64_t deadline_ms);
/* [any] Makes it look around, as while a plugin hangs. */
void worker_wake(struct worker *worker);
void worker_join(struct worker *worker); /* [start] */
/* [start] After the broker has stopped. It may be woken still. */
void worker_fini(struct worker *worker);
/* [start] At last, when all threads that may wake it have ended: one that saw it run a moment ago
 * writes to its descriptor, whatever that has become. */
void worker_close(struct worker *worker);

#endif
