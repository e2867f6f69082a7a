#include "net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "net/conn_inner.h"
#include "net/conn_log.h"
#include "net/parting.h"
#include "net/shown.h"
#include "net/stream.h"

/* How long a closed session may take to get its last bytes out and to hear the peer's. */
#define CLOSE_WAIT_MS 5000u

static void on_ready(struct watch *watch, uint32_t events);
static void on_timer(struct timer *timer, uint64_t now_ms);

void conn_arm(struct conn *conn)
{
  uint64_t now = conn->env->now_ms;
  uint64_t due = session_deadline_ms(&conn->session);
  if (conn->session.state == SESSION_CLOSED) {
    if (!conn->close_due_ms)
      conn->close_due_ms =
          now + (conn->carrier->close_wait ? conn->carrier->close_wait(conn) : CLOSE_WAIT_MS);
    due = conn->close_due_ms;
  } else if (conn->carrier->deadline) {
    uint64_t own = conn->carrier->deadline(conn);
    if (own < due)
      due = own;
  }
  if (conn->stall_ms && conn->stall_ms < due)
    due = conn->stall_ms;
  if (due == UINT64_MAX)
    timers_stop(&conn->env->timers, &conn->timer);
  else
    timers_arm(&conn->env->timers, &conn->timer, due);
}

void conn_stores_init(struct net_env *env)
{
  static const struct carrier *const carriers[] = {&carrier_websocket, &carrier_websocket_whole,
                                                   &carrier_tcp, &carrier_sockjs,
                                                   &carrier_sockjs_websocket};
  for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++)
    slab_init(&env->stores[carriers[i]->store], carriers[i]->size);
}

void conn_stores_fini(struct net_env *env)
{
  for (size_t i = 0; i < CARRIER_STORES; i++)
    slab_fini(&env->stores[i]);
}

struct conn *conn_new(struct net_env *env, int fd, struct watch *former,
                      const struct carrier *carrier, const struct net_peer *peer, bool counted,
                      uint64_t opened_ms)
{
  struct conn *conn = slab_alloc(&env->stores[carrier->store]);
  if (!conn)
    return NULL;
  conn->peer = *peer;
  conn->counted = counted;
  conn->watch = (struct watch){.fd = fd, .ready = on_ready, .newcomer = true};
  if (fd < 0)
    ;
  else if (former)
    poller_move(&env->poller, former, &conn->watch);
  else if (!poller_add(&env->poller, &conn->watch, EPOLLIN)) {
    slab_free(&env->stores[carrier->store], conn);
    return NULL;
  }
  session_init(&conn->session, &env->session, env->now_ms);
  conn->session.opened_ms = opened_ms;
  conn->env = env;
  conn->carrier = carrier;
  conn->wire = carrier->wire;
  conn->session.out.singly = carrier->wire != WIRE_WEBSOCKET; /* whose headers are in a burst */
  conn->session.out.blocked = fd < 0;
  timer_init(&conn->timer, on_timer);
  if (env->session.access)
    conn->session.handshake = shown_take(NULL, NULL, peer, conn->watch.tls);
  list_init(&conn->paused);
  list_init(&conn->doomed);
  list_append(&env->conns, &conn->link);
  env->n_conns++;
  conn_update_reading(conn);
  conn_arm(conn);
  return conn;
}

static size_t door_of(const struct conn *conn)
{
  return (size_t)(conn->session.terms - conn->env->terms);
}

void conn_enter(struct conn *conn, const struct settings_endpoint *endpoint,
                enum transport transport)
{
  session_enter(&conn->session, net_terms_at(conn->env, endpoint));
  conn->transport = (uint8_t)transport;
  conn->entered = true;
  census_enter(&conn->env->census, door_of(conn), transport);
}

void conn_set_transport(struct conn *conn, enum transport transport)
{
  census_move(&conn->env->census, door_of(conn), conn->transport, transport);
  conn->transport = (uint8_t)transport;
}

void conn_scan_begin(struct conn_scan *scan, struct net_env *env)
{
  scan->next = env->conns.next;
  list_append(&env->scans, &scan->link);
}

struct conn *conn_scan_next(struct conn_scan *scan, struct net_env *env)
{
  struct list *at = scan->next;
  if (at == &env->conns) {
    list_remove(&scan->link);
    return NULL;
  }
  scan->next = at->next;
  return container_of(at, struct conn, link);
}

void conn_scan_end(struct conn_scan *scan)
{
  list_remove(&scan->link);
}

static void leave_scans(struct conn *conn)
{
  struct list *head = &conn->env->scans;
  for (struct list *node = head->next; node != head; node = node->next) {
    struct conn_scan *scan = container_of(node, struct conn_scan, link);
    if (scan->next == &conn->link)
      scan->next = conn->link.next;
  }
}

const char *conn_transport(const struct conn *conn)
{
  return transport_name(conn->transport);
}

static void conn_free(struct conn *conn)
{
  struct net_env *env = conn->env;
  if (conn->entered)
    census_leave(&env->census, door_of(conn), conn->transport);
  leave_scans(conn);
  session_fini(&conn->session);
  conn_drop_partial(conn);
  if (conn->carrier->fini)
    conn->carrier->fini(conn);
  timers_stop(&env->timers, &conn->timer);
  list_remove(&conn->link);
  list_remove(&conn->paused);
  list_remove(&conn->doomed);
  env->n_conns--;
  free(conn->held);
  slab_free(&env->stores[conn->carrier->store], conn);
}

/* --- receiving ---------------------------------------------------------------------------- */

/* After a large read there may be more of the same burst in the socket. Then sending waits for the
 * next turn, so that a burst goes out in one write per subscriber. */
#define LARGE_READ 8192u

static void note_read(struct conn *conn, size_t len)
{
  struct net_env *env = conn->env;
  conn->session.last_rx_ms = env->now_ms; /* any byte shows that the peer is there */
  if (conn->turn != env->turn) {
    conn->turn = env->turn;
    conn->read_bytes = 0;
  }
  uint32_t before = conn->read_bytes;
  conn->read_bytes += (uint32_t)len;
  int waiting = 0;
  if (before < LARGE_READ && conn->read_bytes >= LARGE_READ && list_empty(&conn->paused) &&
      ioctl(conn->watch.fd, FIONREAD, &waiting) == 0 && waiting > 0)
    env->more_to_read = true;
}

/* Not while the node is congested, a verdict is awaited, or the server stops and this session's
 * turn has come: silence in which nobody listened is not the client's. A session that has closed is
 * read again, for the peer's farewell. */
void conn_update_reading(struct conn *conn)
{
  struct session *session = &conn->session;
  bool stops = conn->env->quiet || conn->parting == PARTING_RETIRED;
  bool deaf = !list_empty(&conn->paused) || session->awaiting ||
              (stops && session->state != SESSION_CLOSED);
  bool heard_again = session->deaf && !deaf;
  session->deaf = deaf;
  uint32_t events = (deaf || conn->ended ? 0u : conn->carrier->listens) |
                    (conn->partial || session->out.blocked ? (uint32_t)EPOLLOUT : 0u);
  if (conn->watch.fd >= 0 && !poller_want(&conn->env->poller, &conn->watch, events)) {
    conn_doom(conn);
    return;
  }
  if (heard_again) {
    session->last_rx_ms = conn->env->now_ms;
    conn_arm(conn);
  }
}

void conn_settle(struct conn *conn)
{
  if (conn->watch.newcomer && conn->session.state == SESSION_CONNECTED && conn->watch.fd >= 0 &&
      !poller_settle(&conn->env->poller, &conn->watch))
    conn_doom(conn);
}

static void after_receive(struct conn *conn, uint8_t state_before)
{
  struct session *session = &conn->session;
  if (session->slow_down && session->state != SESSION_CLOSED) {
    session->slow_down = false;
    if (list_empty(&conn->paused)) {
      COUNT(reads_paused);
      list_append(&conn->env->paused, &conn->paused);
      conn_update_reading(conn);
    }
  }
  if (session->awaiting)
    conn_update_reading(conn);
  /* CONNECT sets heart-beats; otherwise deadlines only move away, and the timer finds out itself.
   */
  if (session->state != state_before) {
    conn_settle(conn);
    conn_arm(conn);
  }
}

/* Behind what is held already. */
static void hold(struct conn *conn, const char *bytes, size_t len)
{
  char *held = realloc(conn->held, conn->held_end + len);
  if (!held) {
    session_close(&conn->session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  memcpy(held + conn->held_end, bytes, len);
  conn->held = held;
  conn->held_end += (uint32_t)len;
}

/* Returns how many bytes are left for later. */
static size_t receive(struct conn *conn, char *bytes, size_t len)
{
  uint8_t state = conn->session.state;
  size_t rest = session_receive_some(&conn->session, bytes, len, conn->env->now_ms);
  if (conn->session.slow_down || conn->session.awaiting || conn->session.state != state)
    after_receive(conn, state);
  return conn->session.state == SESSION_CLOSED ? 0 : rest;
}

/* A COMMIT publishes thousands of messages at once: it does not begin while the node is congested.
 */
static bool must_wait(struct conn *conn)
{
  struct session *session = &conn->session;
  if (!session->n_transactions || !broker_congested(conn->env->broker))
    return false;
  session->slow_down = true;
  after_receive(conn, session->state);
  return true;
}

void conn_deliver(struct conn *conn, char *bytes, size_t len)
{
  if (conn->session.state == SESSION_CLOSED)
    return;
  if (conn->held || !list_empty(&conn->paused) || conn->session.awaiting || must_wait(conn)) {
    hold(conn, bytes, len);
    return;
  }
  size_t rest = receive(conn, bytes, len);
  if (rest)
    hold(conn, bytes + len - rest, rest);
}

static void receive_held(struct conn *conn)
{
  size_t len = conn->held_end - conn->held_at;
  size_t rest = receive(conn, conn->held + conn->held_at, len);
  conn->held_at = conn->held_end - (uint32_t)rest;
  if (rest)
    return;
  free(conn->held);
  conn->held = NULL;
  conn->held_at = conn->held_end = 0;
  if (conn->carrier->drained)
    conn->carrier->drained(conn);
}

static void finish_end(struct conn *conn);

void conn_resume(struct conn *conn)
{
  list_remove(&conn->paused);
  if (conn->held)
    receive_held(conn);
  conn_update_reading(conn);
  if (conn->ended && !conn->held && !conn->session.awaiting &&
      conn->session.state != SESSION_CLOSED)
    finish_end(conn);
}

/* What has been held, as far as nothing is awaited. */
static void receive_all_held(struct conn *conn)
{
  while (conn->held && !conn->session.awaiting)
    receive_held(conn);
}

void conn_wake(struct session *session)
{
  struct conn *conn = container_of(session, struct conn, session);
  conn_settle(conn);
  if (list_empty(&conn->paused) && !conn->env->quiet)
    conn_resume(conn);
  else
    conn_update_reading(conn);
  if (conn->closes_later && !session->awaiting)
    conn_peer_closes(conn);
  conn_arm(conn);
}

void conn_receive(struct conn *conn, char *bytes, size_t len)
{
  note_read(conn, len);
  conn->carrier->receive(conn, bytes, len);
}

void conn_fault(struct conn *conn, uint16_t code, const char *message, const char *reason)
{
  receive_all_held(conn); /* it came before */
  if (message)
    session_fault(&conn->session, code, message);
  else
    session_close(&conn->session, code, reason);
  conn_arm(conn);
}

void conn_peer_closes(struct conn *conn)
{
  receive_all_held(conn);
  conn->closes_later = conn->session.awaiting;
  if (conn->closes_later)
    return; /* what it sent before waits for the verdict */
  session_close(&conn->session, CLOSE_NORMAL, "");
  outq_drop_front(&conn->session.out, conn->session.out.count);
  outq_mark_dirty(&conn->env->hub.outqs, &conn->session.out);
  conn_arm(conn);
}

/* The peer sends nothing any more, and what it sent before has been received. */
static void finish_end(struct conn *conn)
{
  if (conn->session.state != SESSION_CLOSED)
    conn->end_code = CLOSE_NORMAL;
  session_close(&conn->session, CLOSE_NORMAL, "");
  conn_update_reading(conn);
  outq_mark_dirty(&conn->env->hub.outqs, &conn->session.out);
  conn_arm(conn);
}

/* The peer has closed its half. What it sent before counts, if need be once a verdict is there. */
static void peer_ended(struct conn *conn)
{
  receive_all_held(conn);
  conn->ended = true;
  if (!conn->carrier->on_end(conn))
    conn_lose(conn);
  else if (conn->session.awaiting)
    conn_update_reading(conn);
  else
    finish_end(conn);
}

static void read_some(struct conn *conn)
{
  char *rx = conn->env->rx;
  ssize_t n = stream_recv(conn->env, &conn->watch, rx, NET_READ_BYTES);
  if (n > 0) {
    conn->bytes_in += (uint64_t)n;
    conn_receive(conn, rx, (size_t)n);
  } else if (n == 0) {
    peer_ended(conn);
  } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    conn_lose(conn);
  }
}

static void on_ready(struct watch *watch, uint32_t events)
{
  struct conn *conn = container_of(watch, struct conn, watch);
  if (events & EPOLLOUT)
    conn_on_writable(conn);
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) && list_empty(&conn->doomed) &&
      watch->fd >= 0) {
    /* Who is not read waits for room to write, and finds the error there. */
    if (watch->events & EPOLLIN)
      read_some(conn);
    else if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP))
      conn_lose(conn);
  }
}

/* --- another socket ------------------------------------------------------------------------ */

void conn_attach(struct conn *conn, int fd, struct watch *former, enum wire wire)
{
  conn->watch.fd = fd;
  poller_move(&conn->env->poller, former, &conn->watch);
  conn->wire = (uint8_t)wire;
  conn->session.out.blocked = false;
  conn->session.last_tx_ms = conn->env->now_ms;
  conn_settle(conn);
  conn_update_reading(conn);
  outq_mark_dirty(&conn->env->hub.outqs, &conn->session.out);
}

void conn_detach(struct conn *conn, struct watch *to)
{
  poller_move(&conn->env->poller, &conn->watch, to);
  conn->watch.fd = -1;
  conn->watch.events = 0;
  conn_drop_partial(conn);
  conn->session.out.blocked = true;
  conn->stall_ms = 0;
  conn_arm(conn);
}

/* --- time --------------------------------------------------------------------------------- */

static void on_timer(struct timer *timer, uint64_t now_ms)
{
  struct conn *conn = container_of(timer, struct conn, timer);
  if (conn->session.state == SESSION_CLOSED) {
    if (conn->close_due_ms && now_ms >= conn->close_due_ms)
      conn_doom(conn);
    else
      conn_arm(conn);
    return;
  }
  if (conn->stall_ms && now_ms >= conn->stall_ms) {
    if (!conn_made_progress(conn)) {
      COUNT(closed_stalled);
      conn_log_limit(&conn->session, "a send made no progress for send-timeout");
      session_close(&conn->session, CLOSE_SLOW,
                    "Failed to send message within the configured send limit");
      conn_arm(conn);
      return;
    }
    conn->stall_ms = now_ms + conn->env->send_timeout_ms;
  }
  if (conn->carrier->tick)
    conn->carrier->tick(conn, now_ms);
  session_tick(&conn->session, now_ms);
  conn_arm(conn);
}

void conn_doom(struct conn *conn)
{
  /* Only marked: a full queue is flushed in the midst of a fan-out, where no subscription may
   * vanish. */
  conn->session.out.closed = true;
  if (list_empty(&conn->doomed))
    list_append(&conn->env->doomed, &conn->doomed);
}

void conn_lose(struct conn *conn)
{
  if (list_empty(&conn->doomed) && conn->session.state != SESSION_CLOSED)
    COUNT(closed_lost);
  conn_doom(conn);
}

void conn_cut(struct conn *conn)
{
  struct net_env *env = conn->env;
  list_remove(&conn->doomed);
  if (conn->carrier->outlives && conn->carrier->outlives(conn))
    return;
  bool lost = conn->session.state != SESSION_CLOSED;
  session_close(&conn->session, CLOSE_INTERNAL, "");
  conn_log_end(conn, lost);
  int fd = conn->watch.fd;
  if (fd >= 0) {
    poller_remove(&env->poller, &conn->watch);
    stream_close(&conn->watch);
    net_socket_ended(env, conn->counted ? &conn->peer : NULL);
  }
  conn_free(conn);
}
