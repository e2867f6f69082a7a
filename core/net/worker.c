#include "net/worker_inner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/block.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/histogram.h"
#include "base/log.h"
#include "message/message.h"
#include "net/api_routes.h"
#include "net/conn.h"
#include "net/conn_log.h"
#include "net/generation.h"
#include "net/http_conn.h"
#include "net/proxy_conn.h"
#include "net/sign_in.h"
#include "net/sockjs_routes.h"
#include "net/stream.h"
#include "net/tls_conn.h"
#include "plugin/crash.h"
#include "plugin/loop.h"
#include "plugin/watchdog.h"
#include "session/admission.h"

/* --- the turn ----------------------------------------------------------------------------- */

/* One round: sends what was gathered. Connections with more to send become dirty again. */
static void send_round(struct worker *worker, struct sender_request *requests, size_t n)
{
  struct net_env *env = &worker->env;
  sender_run(worker->sender, requests, n);
  for (size_t i = 0; i < n; i++) {
    struct conn *conn = requests[i].conn;
    conn_account(conn, &requests[i]);
    if (conn->session.out.count && !conn->session.out.blocked)
      outq_mark_dirty(&env->hub.outqs, &conn->session.out);
    else
      conn_finish(conn);
  }
  for (unsigned i = 0; env->batched; i++, env->batched >>= 1)
    if (env->batched & 1u)
      batch_set_reset(&env->batches[i]);
  tls_stream_end_round();
}

/* Writes what is queued for all dirty connections, many in one round. */
static void settle_all(struct worker *worker)
{
  struct net_env *env = &worker->env;
  struct sender_request requests[SENDER_REQUESTS_MAX];
  size_t n = 0;
  struct list *node;
  while (n || !list_empty(&env->hub.outqs.dirty)) {
    bool full = false;
    node = list_first(&env->hub.outqs.dirty);
    if (node) {
      struct conn *conn = conn_of(container_of(node, struct outq, dirty));
      if (conn->session.out.overflow)
        session_overflow(&conn->session);
      bool gathered = conn_gather(conn, &requests[n], &full);
      if (!full)
        list_remove(node);
      if (gathered)
        n++;
      else if (!full && !conn->sending)
        conn_finish(conn);
    }
    if (full || !node || n == SENDER_REQUESTS_MAX) {
      send_round(worker, requests, n);
      n = 0;
    }
  }
}

static void tell_delivered(struct worker *worker)
{
  struct hub *hub = &worker->env.hub;
  histogram_observe(HISTOGRAM_delivery, clock_now_us() - hub->followed_us);
  hub->followed_us = 0;
}

static void turn_end(struct worker *worker)
{
  struct net_env *env = &worker->env;
  struct list *node;
  http_conns_take(env, true);
  hub_take_some(&env->hub, &worker->inbox);
  if (hub_run_calls(&env->hub)) {
    /* What they have published: nobody is woken for what he puts into his own inbox. */
    hub_take_some(&env->hub, &worker->inbox);
  }
  if (hub_has_calls(&env->hub) || hub_has_left(&env->hub))
    poller_wake(&env->poller);
  do {
    settle_all(worker);
    if (env->hub.followed_us)
      tell_delivered(worker);
    while ((node = list_first(&env->doomed)))
      conn_cut(container_of(node, struct conn, doomed));
  } while (http_conns_resume(env) || !list_empty(&env->hub.outqs.dirty));
}

/* Sending waits for the rest of a burst for up to so many turns: 4 reads of 64 KiB. */
#define DEFER_TURNS 4

/* True: sending waits, and so the loop must not. */
static bool defers(struct worker *worker)
{
  struct net_env *env = &worker->env;
  bool defer = env->more_to_read && worker->n_deferred < DEFER_TURNS && !env->quiet &&
               !broker_congested(env->broker);
  env->turn++;
  env->more_to_read = false;
  worker->n_deferred = defer ? worker->n_deferred + 1 : 0;
  return defer;
}

/* How often congestion is looked at while connections are paused for it. */
#define CONGESTION_MS 5

static void resume_paused(struct worker *worker)
{
  struct net_env *env = &worker->env;
  struct list *node;
  if (list_empty(&env->paused) || env->quiet)
    return;
  /* Who finds the node congested again stands behind the others then. */
  struct list *last = env->paused.prev;
  while ((node = list_first(&env->paused)) && !broker_congested(env->broker)) {
    conn_resume(container_of(node, struct conn, paused));
    if (node == last)
      break;
  }
}

static int patience(const struct worker *worker, bool deferred)
{
  if (deferred || worker->stepped)
    return 0;
  return list_empty(&worker->env.paused) || worker->env.quiet ? -1 : CONGESTION_MS;
}

static void wake(struct inbox *inbox)
{
  poller_wake(&container_of(inbox, struct worker, inbox)->env.poller);
}

const struct service *net_service_at(const struct net_env *env,
                                     const struct settings_endpoint *endpoint)
{
  return env->services ? env->services[endpoint - env->settings->endpoints] : NULL;
}

void net_socket_ended(struct net_env *env, const struct net_peer *counted)
{
  if (counted)
    addresses_leave(env->addresses, counted->address, env->now_ms);
  COUNT_BY(connections, -1);
  atomic_fetch_sub_explicit(env->n_sockets, 1, memory_order_relaxed);
}

/* --- set-up ------------------------------------------------------------------------------- */

static struct worker *worker_of(struct session_env *session)
{
  return container_of(container_of(session, struct net_env, session), struct worker, env);
}

/* How often a worker follows one of its messages on its way. */
#define FOLLOW_MS 10

static void follow_some(struct worker *worker, const struct plug_msg *msg)
{
  if (worker->env.now_ms < worker->follow_ms)
    return;
  worker->follow_ms = worker->env.now_ms + FOLLOW_MS;
  if (!message_accepted_us(msg)) /* applications may hand on what was published to them */
    message_follow(msg, clock_now_us());
}

static plug_status publish(struct session_env *session, const struct plug_msg *msg,
                           struct inbox_item *answer)
{
  struct worker *worker = worker_of(session);
  struct net_env *env = &worker->env;
  follow_some(worker, msg);
  plug_status status = broker_publish(env->broker, msg, answer, &worker->inbox);
  session->congested = status == PLUG_PENDING && broker_congested(env->broker);
  /* The inbox that fills up may be our own, which nobody empties while we read. */
  if (status == PLUG_EAGAIN)
    hub_take_some(&env->hub, &worker->inbox);
  return status;
}

static bool publish_unheard(struct session_env *session, uint64_t topic_hash, size_t payload_len)
{
  return broker_publish_unheard(worker_of(session)->env.broker, topic_hash, payload_len);
}

static bool init_session_env(struct net_env *env, const struct generation *generation)
{
  struct session_env *session = &env->session;
  const struct settings *settings = generation->settings;
  *session = (struct session_env){
      .hub = &env->hub,
      .server = "plugboard/" PLUGBOARD_VERSION,
      .publish = publish,
      .publish_unheard = publish_unheard,
      .wake = conn_wake,
      .limited = conn_log_limit,
      .refused_frame = conn_log_refused,
      .admitted = conn_log_admitted,
      .keeps_end = settings->access_log,
  };
  session->scratch = calloc(1, sizeof *session->scratch);
  session->kv = malloc(STOMP_HEADERS_CAP * sizeof *session->kv);
  return session->scratch && session->kv;
}

static void init_hub(struct worker *worker, struct interest_table *interests)
{
  struct hub *hub = &worker->env.hub;
  hub_init(hub, worker->index, interests);
  hub->outqs.flush = conn_flush;
  hub->on_interest = session_interest;
  hub->on_published = session_published;
  hub->on_unacked_full = session_unacked_full;
  hub->on_costly = session_costly;
}

static void init_net_env(struct worker *worker, struct broker *broker, const struct pages *pages,
                         _Atomic int64_t *n_sockets)
{
  struct net_env *env = &worker->env;
  env->broker = broker;
  env->pages = pages;
  env->n_sockets = n_sockets;
  env->now_ms = clock_now_ms();
  list_init(&env->conns);
  conn_stores_init(env);
  list_init(&env->http_conns);
  list_init(&env->proxy_conns);
  list_init(&env->tls_conns);
  list_init(&env->handshakes);
  list_init(&env->api_waiting);
  list_init(&env->http_ready);
  list_init(&env->paused);
  list_init(&env->scans);
  list_init(&env->doomed);
}

plug_status worker_init(struct worker *worker, unsigned index, const struct generation *generation,
                        struct broker *broker, struct interest_table *interests,
                        const struct pages *pages, struct sockjs_registry *sockjs,
                        _Atomic int64_t *n_sockets, struct addresses *addresses,
                        struct plug_err *err)
{
  struct net_env *env = &worker->env;
  worker->index = index;
  worker->inbox.wake = wake;
  init_net_env(worker, broker, pages, n_sockets);
  env->inbox = &worker->inbox;
  env->addresses = addresses;
  init_hub(worker, interests);
  worker_end_init(worker);
  worker->initialised = true;
  env->poller.fd = env->poller.wake.fd = env->timers.watch.fd = -1;
  env->rx = malloc(NET_READ_BYTES + STREAM_MORE);
  env->sockjs = sockjs;
  if (!env->rx || !init_session_env(env, generation) || !generation_enter(env, generation) ||
      !census_init(&env->census, 1 + generation->settings->n_endpoints)) {
    snprintf(err->text, sizeof err->text, "worker %u: out of memory", index);
    return PLUG_ENOMEM;
  }
  int failed = poller_init(&env->poller);
  if (!failed)
    failed = timers_init(&env->timers, &env->poller, env->now_ms);
  if (failed) {
    snprintf(err->text, sizeof err->text, "worker %u: not enough file descriptors: %s", index,
             strerror(failed));
    return PLUG_EUNAVAIL;
  }
  return PLUG_OK;
}

plug_status worker_listen(struct worker *worker, int fd, const struct door *door)
{
  struct worker_socket *sockets =
      realloc(worker->sockets, (worker->n_sockets + 1) * sizeof *sockets);
  if (!sockets)
    return PLUG_ENOMEM;
  worker->sockets = sockets;
  sockets[worker->n_sockets++] = (struct worker_socket){.fd = fd, .door = *door};
  return PLUG_OK;
}

void worker_renew_doors(struct worker *worker)
{
  for (unsigned i = 0; i < worker->n_listeners; i++)
    listener_renew(&worker->listeners[i]);
}

/* --- life --------------------------------------------------------------------------------- */

static bool open_sender(struct worker *worker)
{
  const char *why;
  worker->sender = sender_new(worker->env.settings->io_uring, &why);
  if (why && worker->index == 0)
    log_info("net", "writing without io_uring: %s", why);
  return worker->sender != NULL;
}

static void cut_all(struct worker *worker)
{
  struct net_env *env = &worker->env;
  struct list *node;
  while ((node = list_first(&env->conns)))
    conn_cut(container_of(node, struct conn, link));
  http_conns_cut(env);
  proxy_conns_cut(env);
  tls_conns_cut(env);
}

/* How often: it walks all sessions. */
#define ANSWER_MS 100u

/* Deadlines are kept at the plugins' homes. While one of these is held up the workers keep those of
 * their own sessions: the broker's if it is the control thread that hangs, and those of auth and
 * app plugins, which have been kept already where their home is not late. */
static void answer_for_others(struct worker *worker)
{
  struct net_env *env = &worker->env;
  if (env->now_ms < worker->answered_ms + ANSWER_MS)
    return;
  worker->answered_ms = env->now_ms;
  if (env->session.app)
    app_answer_overdue(env->session.app, env->now_ms);
  if (watchdog_home_hangs())
    session_answer_overdue(&env->session, env->now_ms, env->settings->operation_timeout_ms);
  for (struct list *node = env->conns.next, *next; node != &env->conns; node = next) {
    struct conn *conn = container_of(node, struct conn, link);
    next = node->next;
    if (admission_is_overdue(&conn->session, env->now_ms, env->settings->auth_timeout_ms))
      session_fault(&conn->session, CLOSE_BUSY, "authentication took too long");
  }
}

void worker_wake(struct worker *worker)
{
  poller_wake(&worker->env.poller);
}

static void obey(struct worker *worker)
{
  int command = atomic_load(&worker->command);
  if (worker->obeyed < COMMAND_SHUT && command >= COMMAND_SHUT)
    worker_end_shut(worker);
  if (worker->obeyed < COMMAND_PART && command == COMMAND_PART) /* later it is too late */
    parting_begin(&worker->parting, &worker->plan);
  if (worker->obeyed < COMMAND_QUIET && command >= COMMAND_QUIET)
    worker_end_quiet(worker);
  if (worker->obeyed < COMMAND_STOP && command >= COMMAND_STOP)
    worker_end_sessions(worker);
  worker->obeyed = command;
}

static void count_turn(struct worker *worker)
{
  uint64_t turns = atomic_load_explicit(&worker->turns, memory_order_relaxed);
  atomic_store_explicit(&worker->turns, turns + 1, memory_order_release); /* ops/quiet.h */
}

static void *run(void *arg)
{
  struct worker *worker = arg;
  struct net_env *env = &worker->env;
  bool deferred = false;
  char name[16];
  snprintf(name, sizeof name, "worker-%u", worker->index);
  pthread_setname_np(pthread_self(), name);
  atomic_store_explicit(&worker->counters, counter_bind_thread(), memory_order_release);
  interest_bind_worker((int)worker->index);
  control_start(env);
  env->hub.epoch = (uint32_t)(env->now_ms / HUB_EPOCH_MS);
  if (env->hooks)
    env->hooks->started(env->hooks->ctx, env);
  if (!open_sender(worker)) {
    log_error("net", "worker %u: out of memory", worker->index);
    abort();
  }
  loop_wake_owed(); /* of what the start has asked for */
  while (!worker->ending) {
    poller_wait(&env->poller, patience(worker, deferred));
    env->now_ms = clock_now_ms();
    count_turn(worker);
    env->hub.epoch = (uint32_t)(env->now_ms / HUB_EPOCH_MS);
    poller_dispatch(&env->poller);
    resume_paused(worker);
    if (watchdog_some_home_is_late())
      answer_for_others(worker);
    obey(worker);
    deferred = defers(worker);
    if (!deferred)
      turn_end(worker);
    worker->stepped = tls_conns_step(env); /* when everybody else has been served */
    loop_wake_owed();
    if (env->draining && list_empty(&env->conns) && list_empty(&env->http_conns))
      worker->ending = true;
  }
  cut_all(worker);
  loop_wake_owed();
  wire_drop_scratch();
  tls_stream_drop_scratch();
  sockjs_routes_drop_scratch();
  sign_in_drop_scratch();
  api_routes_drop_scratch();
  block_drop_cache();
  return NULL;
}

plug_status worker_run(struct worker *worker)
{
  worker->listeners = calloc(worker->n_sockets + 1, sizeof *worker->listeners);
  if (!worker->listeners)
    return PLUG_ENOMEM;
  while (worker->n_listeners < worker->n_sockets) {
    struct worker_socket *bound = &worker->sockets[worker->n_listeners];
    plug_status status = listener_open(&worker->listeners[worker->n_listeners], &worker->env,
                                       bound->fd, &bound->door);
    if (status != PLUG_OK)
      return status;
    bound->fd = -1; /* the listener's now */
    worker->n_listeners++;
  }
  sigset_t all, old;
  sigfillset(&all);
  crash_keep_signals(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int failed = pthread_create(&worker->thread, NULL, run, worker);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return failed ? PLUG_ENOMEM : PLUG_OK;
}

void worker_join(struct worker *worker)
{
  pthread_join(worker->thread, NULL);
}

void worker_fini(struct worker *worker)
{
  struct net_env *env = &worker->env;
  if (!worker->initialised)
    return;
  for (unsigned i = 0; i < worker->n_listeners; i++)
    listener_close(&worker->listeners[i]);
  for (unsigned i = 0; i < worker->n_sockets; i++)
    if (worker->sockets[i].fd >= 0)
      close(worker->sockets[i].fd);
  http_conns_take(env, false);
  timers_fini(&env->timers, &env->poller);
  hub_take_all(&env->hub, &worker->inbox);
  while (hub_run_calls(&env->hub))
    ;
  sender_free(worker->sender);
  for (unsigned i = 0; i < WIRES; i++)
    batch_set_fini(&env->batches[i]);
  batch_set_fini(&env->flush_batches);
  conn_stores_fini(env);
  hub_fini(&env->hub);
  buf_free(&env->session.out);
  free(env->sockjs_limits);
  census_fini(&env->census);
  free(env->terms);
  free(env->session.scratch);
  free(env->session.kv);
  free(env->rx);
  buf_free(&env->scratch);
  free(worker->listeners);
  free(worker->sockets);
  worker_end_fini(worker);
}

void worker_close(struct worker *worker)
{
  if (worker->initialised)
    poller_fini(&worker->env.poller);
}
