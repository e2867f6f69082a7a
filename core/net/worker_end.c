#include "net/worker_inner.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/conn.h"
#include "net/http_conn.h"
#include "net/proxy_conn.h"
#include "net/tls_conn.h"

/* --- the steps ---------------------------------------------------------------------------- */

void worker_end_shut(struct worker *worker)
{
  parting_shut(&worker->env);
  worker->n_shut = worker->env.n_conns;
  sem_post(&worker->shut);
}

static void on_parted(struct parting *parting)
{
  sem_post(&container_of(parting, struct worker, parting)->parted);
}

void worker_end_quiet(struct worker *worker)
{
  struct net_env *env = &worker->env;
  parting_stop(&worker->parting);
  for (unsigned i = 0; i < worker->n_listeners; i++)
    listener_close(&worker->listeners[i]);
  env->quiet = true;
  for (struct list *node = env->conns.next; node != &env->conns; node = node->next)
    conn_update_reading(container_of(node, struct conn, link));
  sem_post(&worker->quiet);
}

static void on_drain_timeout(struct timer *timer, uint64_t now_ms)
{
  struct worker *worker = container_of(timer, struct worker, drain);
  (void)now_ms;
  log_warn("net", "worker %u: %llu connections did not close within drain-time, cut off",
           worker->index, (unsigned long long)worker->env.n_conns);
  worker->ending = true;
}

void worker_end_sessions(struct worker *worker)
{
  struct net_env *env = &worker->env;
  hub_take_all(&env->hub, &worker->inbox); /* what was published before belongs to them */
  env->draining = true;
  for (struct list *node = env->conns.next; node != &env->conns; node = node->next) {
    struct conn *conn = container_of(node, struct conn, link);
    parting_close(conn);
    if (conn->watch.fd < 0)
      conn_doom(conn); /* its client cannot come back */
  }
  http_conns_drain(env);
  proxy_conns_cut(env);
  tls_conns_cut(env);
  timers_arm(&env->timers, &worker->drain,
             worker->deadline_ms > env->now_ms ? worker->deadline_ms : env->now_ms);
}

/* --- from other threads ------------------------------------------------------------------- */

static void order(struct worker *worker, int command)
{
  atomic_store(&worker->command, command);
  poller_wake(&worker->env.poller);
}

/* False: not in time. */
static bool wait_for(sem_t *done, uint64_t deadline_ms)
{
  struct timespec until = clock_timespec(deadline_ms);
  int failed;
  while ((failed = sem_clockwait(done, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR)
    ;
  return !failed;
}

void worker_shut(struct worker *worker)
{
  order(worker, COMMAND_SHUT);
}

uint64_t worker_wait_shut(struct worker *worker, uint64_t deadline_ms)
{
  return wait_for(&worker->shut, deadline_ms) ? worker->n_shut : 0;
}

void worker_part(struct worker *worker, const struct parting_plan *plan)
{
  worker->plan = *plan;
  order(worker, COMMAND_PART);
}

bool worker_has_parted(struct worker *worker)
{
  return sem_trywait(&worker->parted) == 0;
}

void worker_quiet(struct worker *worker)
{
  order(worker, COMMAND_QUIET);
}

void worker_wait_quiet(struct worker *worker, uint64_t deadline_ms)
{
  (void)wait_for(&worker->quiet, deadline_ms);
}

void worker_stop(struct worker *worker, uint64_t deadline_ms)
{
  worker->deadline_ms = deadline_ms;
  order(worker, COMMAND_STOP);
}

/* --- life --------------------------------------------------------------------------------- */

void worker_end_init(struct worker *worker)
{
  sem_init(&worker->shut, 0, 0);
  sem_init(&worker->parted, 0, 0);
  sem_init(&worker->quiet, 0, 0);
  parting_init(&worker->parting, &worker->env, on_parted);
  timer_init(&worker->drain, on_drain_timeout);
}

void worker_end_fini(struct worker *worker)
{
  sem_destroy(&worker->shut);
  sem_destroy(&worker->parted);
  sem_destroy(&worker->quiet);
}
