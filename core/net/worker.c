#include "net/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/block.h"
#include "base/counter.h"
#include "base/log.h"
#include "message/message.h"
#include "net/callbacks.h"

/* --- the turn ----------------------------------------------------------------------------- */

/* One round: sends what was gathered. Connections with more to send become dirty again. */
static void send_round(struct worker *worker, struct sender_request *requests, size_t n)
{
  sender_run(worker->sender, requests, n);
  for (size_t i = 0; i < n; i++) {
    struct conn *conn = requests[i].conn;
    conn_account(conn, &requests[i]);
    if (conn->session.out.count && !conn->session.out.blocked)
      outq_mark_dirty(&worker->hub.outqs, &conn->session.out);
    else
      conn_finish(conn);
  }
  batch_set_reset(&worker->batches[CONN_WEBSOCKET]);
  batch_set_reset(&worker->batches[CONN_TCP]);
}

/* Writes what is queued for all dirty connections, many in one round. */
static void settle_all(struct worker *worker)
{
  struct sender_request requests[SENDER_REQUESTS_MAX];
  size_t n = 0;
  struct list *node;
  while (n || !list_empty(&worker->hub.outqs.dirty)) {
    bool full = false;
    node = list_first(&worker->hub.outqs.dirty);
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

static void check_drained(struct worker *worker);
static void wake(struct inbox *inbox);

static void turn_end(struct worker *worker)
{
  struct list *node;
  worker->now_ms = uv_now(&worker->loop);
  hub_take_all(&worker->hub, &worker->inbox);
  if (hub_run_calls(&worker->hub)) {
    /* What they have published: nobody is woken for what he puts into his own inbox. */
    hub_take_all(&worker->hub, &worker->inbox);
    if (hub_has_calls(&worker->hub))
      wake(&worker->inbox);
  }
  settle_all(worker);
  while ((node = list_first(&worker->doomed)))
    conn_cut(container_of(node, struct conn, doomed));
  if (worker->draining)
    check_drained(worker);
}

/* For how many turns sending may wait for the rest of a burst: 4 reads of 64 KiB. */
#define DEFER_TURNS 4

static void on_defer(uv_idle_t *idle)
{
  (void)idle;
}

static void on_prepare(uv_prepare_t *prepare)
{
  struct worker *worker = prepare->data;
  deadline_before_wait(&worker->deadline);
  if (!worker->n_deferred)
    turn_end(worker);
}

static void on_check(uv_check_t *check)
{
  struct worker *worker = check->data;
  bool defer = worker->more_to_read && worker->n_deferred < DEFER_TURNS && !worker->draining &&
               !broker_congested(worker->broker);
  worker->turn++;
  worker->more_to_read = false;
  if (defer) {
    if (worker->n_deferred++ == 0)
      uv_idle_start(&worker->defer, on_defer);
    return;
  }
  if (worker->n_deferred) {
    worker->n_deferred = 0;
    uv_idle_stop(&worker->defer);
  }
  turn_end(worker);
}

/* The wake-up itself is all: on_check takes what is in the inbox. */
static void on_wake(uv_async_t *async)
{
  (void)async;
}

static void wake(struct inbox *inbox)
{
  struct worker *worker = container_of(inbox, struct worker, inbox);
  if (!atomic_load(&worker->stopped))
    uv_async_send(&worker->wake);
}

/* --- timers ------------------------------------------------------------------------------- */

static void on_deadline(struct deadline *deadline)
{
  struct worker *worker = container_of(deadline, struct worker, deadline);
  worker->now_ms = uv_now(&worker->loop);
  wheel_run(&worker->wheel, worker->now_ms);
  deadline_set(deadline, wheel_next_ms(&worker->wheel));
}

static void on_wheel(struct wheel_timer *timer, uint64_t now_ms)
{
  conn_on_timer(container_of(timer, struct conn, timer), now_ms);
}

void worker_arm(struct worker *worker, struct wheel_timer *timer, uint64_t due_ms)
{
  wheel_arm(&worker->wheel, timer, due_ms);
  /* A wheel fires at the end of a timer's tick. */
  if (due_ms + WHEEL_TICK_MS < worker->deadline.due_ms)
    deadline_set(&worker->deadline, due_ms + WHEEL_TICK_MS);
}

#define CONGESTION_MS 5

static void on_congestion(uv_timer_t *timer)
{
  struct worker *worker = timer->data;
  worker->now_ms = uv_now(&worker->loop);
  struct list *node;
  if (broker_congested(worker->broker))
    return;
  /* Who finds the node congested again stands behind the others then. */
  struct list *last = worker->paused.prev;
  while ((node = list_first(&worker->paused)) && !broker_congested(worker->broker)) {
    conn_resume(container_of(node, struct conn, paused));
    if (node == last)
      break;
  }
  if (list_empty(&worker->paused))
    uv_timer_stop(timer);
}

void worker_watch_congestion(struct worker *worker)
{
  if (!uv_is_active((uv_handle_t *)&worker->congestion))
    uv_timer_start(&worker->congestion, on_congestion, CONGESTION_MS, CONGESTION_MS);
}

void worker_connection_ended(struct worker *worker)
{
  worker->n_destroyed++;
  COUNT_BY(connections, -1);
  atomic_fetch_sub_explicit(worker->n_connections, 1, memory_order_relaxed);
}

/* --- set-up ------------------------------------------------------------------------------- */

static plug_status publish(struct session_env *env, const struct plug_msg *msg,
                           struct inbox_item *answer)
{
  struct worker *worker = container_of(env, struct worker, env);
  plug_status status = broker_publish(worker->broker, msg, answer, &worker->inbox);
  env->congested = status == PLUG_PENDING && broker_congested(worker->broker);
  /* The inbox that fills up may be our own, which nobody empties while we read. */
  if (status == PLUG_EAGAIN)
    hub_take_all(&worker->hub, &worker->inbox);
  return status;
}

static bool publish_unheard(struct session_env *env, uint64_t topic_hash, size_t payload_len)
{
  struct worker *worker = container_of(env, struct worker, env);
  return broker_publish_unheard(worker->broker, topic_hash, payload_len);
}

static plug_status init_env(struct worker *worker, const struct destination_rules *destinations)
{
  const struct settings *settings = worker->settings;
  struct session_env *env = &worker->env;
  *env = (struct session_env){
      .hub = &worker->hub,
      .destinations = destinations,
      .limits = {.frame_bytes = settings->max_frame_size,
                 .n_headers = settings->max_headers,
                 .header_bytes = settings->max_header_size},
      .server = "plugboard/" PLUGBOARD_VERSION,
      .heartbeat_send_ms = settings->spring_profile ? 0 : settings->heartbeat_send_ms,
      .heartbeat_receive_ms = settings->spring_profile ? 0 : settings->heartbeat_receive_ms,
      .heartbeat_tolerance = settings->heartbeat_tolerance,
      .connect_timeout_ms = settings->connect_timeout_ms,
      .max_subscriptions = settings->max_subscriptions,
      .max_destination_length = settings->max_destination_length,
      .max_transactions = settings->max_transactions,
      .max_transaction_bytes = settings->max_transaction_bytes,
      .patterns = settings->patterns,
      .spring = settings->spring_profile,
      .publish = publish,
      .publish_unheard = publish_unheard,
      .wake = conn_wake,
  };
  env->scratch = malloc(sizeof *env->scratch);
  env->kv = malloc(STOMP_HEADERS_CAP * sizeof *env->kv);
  return env->scratch && env->kv ? PLUG_OK : PLUG_ENOMEM;
}

static void init_hub(struct worker *worker, struct interest_table *interests)
{
  static const enum outq_policy policies[] = {[QUEUE_CLOSE] = OUTQ_CLOSE,
                                              [QUEUE_DROP_OLDEST] = OUTQ_DROP_OLDEST,
                                              [QUEUE_DROP_NEWEST] = OUTQ_DROP_NEWEST};
  const struct settings *settings = worker->settings;
  hub_init(&worker->hub, worker->index, interests);
  worker->hub.outqs.max_bytes = settings->queue_bytes;
  worker->hub.outqs.max_frames = settings->queue_messages;
  worker->hub.outqs.policy = policies[settings->queue_policy];
  worker->hub.outqs.flush = conn_flush;
  worker->hub.max_unacked = settings->max_unacked;
  worker->hub.on_interest = session_interest;
  worker->hub.on_published = session_published;
  worker->hub.on_unacked_full = session_unacked_full;
}

static plug_status init_lws(struct worker *worker)
{
  /* No pings and no idle limits of its own: its timers are one sorted list, so those of our
   * connections are in the wheel. */
  static const lws_retry_bo_t no_policy = {0};
  void *loops[1] = {&worker->loop};
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN_SERVER,
      .options = LWS_SERVER_OPTION_LIBUV,
      .foreign_loops = loops,
      .protocols = callbacks_protocols,
      .pt_serv_buf_size = CALLBACKS_RX_BYTES + CALLBACKS_RX_MARGIN,
      .max_http_header_data = 16384,
      .retry_and_idle_policy = &no_policy,
      .alpn = "http/1.1",
      .user = worker,
      .timeout_secs = 10,
  };
  worker->lws = lws_create_context(&info);
  worker->vhost = worker->lws ? lws_get_vhost_by_name(worker->lws, "default") : NULL;
  return worker->vhost ? PLUG_OK : PLUG_EINTERNAL;
}

/* Are there as many as a worker needs to start, and some more? Without the last of them
 * libwebsockets makes a context that it cannot take down again. */
static bool has_descriptors(void)
{
  int fds[16];
  size_t n = 0;
  while (n < sizeof fds / sizeof *fds && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    n++;
  bool enough = n == sizeof fds / sizeof *fds;
  int why = errno;
  while (n)
    close(fds[--n]);
  errno = why;
  return enough;
}

static void on_stop(uv_async_t *async);

plug_status worker_init(struct worker *worker, unsigned index, const struct settings *settings,
                        struct broker *broker, struct interest_table *interests,
                        const struct destination_rules *destinations, const struct pages *pages,
                        _Atomic int64_t *n_connections, struct plug_err *err)
{
  worker->index = index;
  worker->settings = settings;
  worker->broker = broker;
  worker->pages = pages;
  worker->n_connections = n_connections;
  worker->send_timeout_ms = settings->send_timeout_ms;
  worker->inbox.wake = wake;
  list_init(&worker->conns);
  list_init(&worker->paused);
  list_init(&worker->doomed);
  init_hub(worker, interests);
  if (!has_descriptors()) {
    snprintf(err->text, sizeof err->text, "worker %u: not enough file descriptors: %s", index,
             strerror(errno));
    return PLUG_EUNAVAIL;
  }
  if (init_env(worker, destinations) != PLUG_OK || uv_loop_init(&worker->loop) != 0) {
    snprintf(err->text, sizeof err->text, "worker %u: out of memory", index);
    return PLUG_ENOMEM;
  }
  worker->now_ms = uv_now(&worker->loop);
  wheel_init(&worker->wheel, worker->now_ms, on_wheel);
  uv_async_init(&worker->loop, &worker->wake, on_wake);
  uv_async_init(&worker->loop, &worker->stop, on_stop);
  uv_prepare_init(&worker->loop, &worker->prepare);
  uv_check_init(&worker->loop, &worker->check);
  uv_idle_init(&worker->loop, &worker->defer);
  worker->stop.data = worker->prepare.data = worker->check.data = worker;
  uv_prepare_start(&worker->prepare, on_prepare);
  uv_check_start(&worker->check, on_check);
  int failed = deadline_init(&worker->deadline, &worker->loop, on_deadline);
  if (failed) {
    snprintf(err->text, sizeof err->text, "worker %u: no timer: %s", index, uv_strerror(failed));
    return PLUG_EUNAVAIL;
  }
  plug_status status = init_lws(worker);
  if (worker->lws)
    deadline_adopt_timers(&worker->deadline); /* those of libwebsockets; ours come and go */
  uv_timer_init(&worker->loop, &worker->congestion);
  uv_timer_init(&worker->loop, &worker->drain);
  worker->congestion.data = worker->drain.data = worker;
  if (status != PLUG_OK) {
    snprintf(err->text, sizeof err->text,
             "worker %u: libwebsockets cannot start; is its libuv plugin "
             "(libwebsockets-evlib-uv) installed?",
             index);
    return PLUG_EINTERNAL;
  }
  return PLUG_OK;
}

plug_status worker_listen(struct worker *worker, int fd, enum conn_kind kind)
{
  struct listener *listeners =
      realloc(worker->listeners, (worker->n_listeners + 1) * sizeof *listeners);
  if (!listeners)
    return PLUG_ENOMEM;
  worker->listeners = listeners;
  listeners[worker->n_listeners] = (struct listener){.fd = fd, .kind = kind};
  worker->n_listeners++;
  return PLUG_OK;
}

static bool open_sender(struct worker *worker)
{
  const char *why;
  worker->sender = sender_new(worker->settings->io_uring, &why);
  if (why && worker->index == 0)
    log_info("net", "writing without io_uring: %s", why);
  return worker->sender != NULL;
}

static void *run(void *arg)
{
  struct worker *worker = arg;
  char name[16];
  snprintf(name, sizeof name, "worker-%u", worker->index);
  pthread_setname_np(pthread_self(), name);
  counter_bind_thread();
  interest_bind_worker((int)worker->index);
  if (!open_sender(worker)) {
    log_error("net", "worker %u: out of memory", worker->index);
    abort();
  }
  uv_run(&worker->loop, UV_RUN_DEFAULT);
  atomic_store(&worker->stopped, 1);
  block_drop_cache();
  return NULL;
}

plug_status worker_run(struct worker *worker)
{
  for (unsigned i = 0; i < worker->n_listeners; i++) {
    struct listener *listener = &worker->listeners[i];
    plug_status status = listener_open(listener, worker, listener->fd, listener->kind);
    if (status != PLUG_OK)
      return status;
    listener_start(listener);
  }
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int failed = pthread_create(&worker->thread, NULL, run, worker);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return failed ? PLUG_ENOMEM : PLUG_OK;
}

/* --- the end ------------------------------------------------------------------------------ */

static void close_handle(uv_handle_t *handle)
{
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

/* With our handles and libwebsockets' gone the loop has nothing left and uv_run returns. */
static void end_loop(struct worker *worker)
{
  worker->draining = false;
  worker->ending = true;
  atomic_store(&worker->stopped, 1);
  close_handle((uv_handle_t *)&worker->wake);
  close_handle((uv_handle_t *)&worker->stop);
  deadline_close(&worker->deadline);
  close_handle((uv_handle_t *)&worker->congestion);
  close_handle((uv_handle_t *)&worker->drain);
  close_handle((uv_handle_t *)&worker->prepare);
  close_handle((uv_handle_t *)&worker->check);
  close_handle((uv_handle_t *)&worker->defer);
  lws_context_destroy(worker->lws);
}

static void check_drained(struct worker *worker)
{
  if (worker->n_conns == 0)
    end_loop(worker);
}

static void on_drain_timeout(uv_timer_t *timer)
{
  struct worker *worker = timer->data;
  log_warn("net", "worker %u: %llu connections did not close within drain-time, cut off",
           worker->index, (unsigned long long)worker->n_conns);
  end_loop(worker);
}

static void on_stop(uv_async_t *async)
{
  struct worker *worker = async->data;
  if (worker->draining || worker->ending)
    return;
  worker->now_ms = uv_now(&worker->loop);
  for (unsigned i = 0; i < worker->n_listeners; i++)
    listener_close(&worker->listeners[i]);
  for (struct list *node = worker->conns.next; node != &worker->conns; node = node->next)
    session_close(&container_of(node, struct conn, link)->session, CLOSE_GOING,
                  "The server is stopping");
  worker->draining = true;
  uv_timer_start(&worker->drain, on_drain_timeout, worker->settings->drain_ms, 0);
}

void worker_stop(struct worker *worker)
{
  if (!atomic_load(&worker->stopped))
    uv_async_send(&worker->stop);
}

void worker_join(struct worker *worker)
{
  pthread_join(worker->thread, NULL);
}

static void close_leftover(uv_handle_t *handle, void *arg)
{
  (void)arg;
  close_handle(handle);
}

void worker_fini(struct worker *worker)
{
  if (worker->lws) {
    if (!worker->ending) { /* never ran */
      for (unsigned i = 0; i < worker->n_listeners; i++)
        listener_close(&worker->listeners[i]);
      end_loop(worker);
      uv_run(&worker->loop, UV_RUN_DEFAULT);
    }
    lws_context_destroy(worker->lws);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    uv_walk(&worker->loop, close_leftover, NULL);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&worker->loop) != 0)
      log_warn("net", "worker %u: its loop still has handles", worker->index);
  }
  hub_take_all(&worker->hub, &worker->inbox);
  hub_run_calls(&worker->hub);
  sender_free(worker->sender);
  batch_set_fini(&worker->batches[CONN_WEBSOCKET]);
  batch_set_fini(&worker->batches[CONN_TCP]);
  batch_set_fini(&worker->flush_batches);
  hub_fini(&worker->hub);
  buf_free(&worker->env.out);
  free(worker->env.scratch);
  free(worker->env.kv);
  free(worker->listeners);
}
