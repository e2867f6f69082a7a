/* A worker: one thread with one libuv loop, one libwebsockets context, its own listening sockets on
 * the shared ports, its connections and its part of the hub. Owns all of these. Functions are
 * tagged [start] (before the thread runs or after it has ended), [worker] or [any].
 *
 * A turn of the loop:  events (accept, read, inbox wake-ups, timers)
 *                      --> worker_turn_end: inbox drained, dirty connections written once each,
 *                          doomed ones cut off. It runs before the loop sleeps and after it woke.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <libwebsockets.h>
#include <pthread.h>
#include <uv.h>

#include "base/wheel.h"
#include "broker/broker.h"
#include "config/settings.h"
#include "net/batch.h"
#include "net/conn.h"
#include "net/deadline.h"
#include "net/listener.h"
#include "net/pages.h"

struct worker {
  unsigned index;
  const struct settings *settings;
  struct broker *broker;
  const struct pages *pages;
  _Atomic int64_t *n_connections; /* of all workers */
  uv_loop_t loop;
  struct lws_context *lws;
  struct lws_vhost *vhost;
  struct listener *listeners;
  unsigned n_listeners;
  struct hub hub;
  struct inbox inbox;
  struct session_env env;
  struct wheel wheel;
  struct sender *sender;       /* made by the worker's thread */
  struct batch_set batches[2]; /* by enum conn_kind */
  struct batch_set flush_batches;
  struct list conns;  /* struct conn.link */
  struct list paused; /* struct conn.paused */
  struct list doomed; /* struct conn.doomed */
  uint64_t n_conns;
  uint64_t n_destroyed; /* connections that libwebsockets has ended */
  uint64_t now_ms;      /* the loop's time, taken at the start of each callback */
  uint32_t turn;        /* number of the turn */
  unsigned n_deferred;  /* turns for which sending has waited */
  bool more_to_read;    /* a connection has the rest of a burst in its socket */
  uint64_t send_timeout_ms;
  uv_async_t wake, stop;
  struct deadline deadline; /* of the wheel */
  uv_timer_t congestion, drain;
  uv_idle_t defer; /* active while sending waits: the loop does not sleep */
  uv_prepare_t prepare;
  uv_check_t check;
  pthread_t thread;
  _Atomic int stopped; /* no wake-ups any more */
  bool draining;
  bool ending;
};

/* [start] One after the other. On failure err->text is a sentence. */
plug_status worker_init(struct worker *worker, unsigned index, const struct settings *settings,
                        struct broker *broker, struct interest_table *interests,
                        const struct destination_rules *destinations, const struct pages *pages,
                        _Atomic int64_t *n_connections, struct plug_err *err);
/* [start] Takes over bound sockets, n of kind kind. */
plug_status worker_listen(struct worker *worker, int fd, enum conn_kind kind);
plug_status worker_run(struct worker *worker); /* [start] starts the thread */
/* [any] Stops accepting, closes sessions with 1001, ends when all are gone or drain-time is over.
 */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker); /* [start] */
/* [start] After the broker has stopped. */
void worker_fini(struct worker *worker);

/* [worker] One connection less, for the gauges. */
void worker_connection_ended(struct worker *worker);
/* [worker] (Re-)arms a connection's timer. */
void worker_arm(struct worker *worker, struct wheel_timer *timer, uint64_t due_ms);
/* [worker] There are paused connections: resume them when the congestion is over. */
void worker_watch_congestion(struct worker *worker);

#endif
