#include "net/tls_conn.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "net/stream.h"
#include "tls/tls_contexts.h"

struct tls_conn {
  struct net_env *env;
  const struct door *door;
  struct watch watch;
  struct timer timer;
  struct list link;
  struct list due; /* in net_env.handshakes, or empty */
  struct net_peer peer;
  bool counted;
  uint64_t opened_ms;
};

/* The socket stays open. */
static void conn_free(struct tls_conn *conn)
{
  COUNT_BY(tls_handshaking, -1);
  timers_stop(&conn->env->timers, &conn->timer);
  list_remove(&conn->link);
  list_remove(&conn->due);
  free(conn);
}

static void end(struct tls_conn *conn)
{
  struct net_env *env = conn->env;
  poller_remove(&env->poller, &conn->watch);
  stream_close(&conn->watch);
  net_socket_ended(env, conn->counted ? &conn->peer : NULL);
  conn_free(conn);
}

static void admit(struct tls_conn *conn, const char *refusal)
{
  admit_ready(conn->env, conn->door, conn->watch.fd, &conn->watch, &conn->peer, conn->counted,
              conn->opened_ms, refusal);
  conn_free(conn);
}

static void succeed(struct tls_conn *conn)
{
  COUNT(tls_handshakes);
  conn->env->n_handshakes++;
  if (tls_stream_was_resumed(conn->watch.tls))
    COUNT(tls_resumed);
  /* What came behind the handshake is in the socket, and whoever has that then is told so. */
  poller_again(&conn->env->poller, &conn->watch, EPOLLIN);
  admit(conn, NULL);
}

static void fail(struct tls_conn *conn, const char *why)
{
  static struct log_limit limit;
  char peer[NET_PEER_TEXT_MAX], more[LOG_HELD_MAX];
  uint64_t held;
  COUNT(tls_failed);
  if (why && log_limit_pass_some(&limit, 5, 10000, &held))
    log_info("tls", "handshake with %.*s failed: %s%s", (int)net_peer_text(&conn->peer, peer), peer,
             why, log_held(held, more));
  end(conn);
}

/* The client is told so without TLS, too, and reads it. */
static void refuse_plain(struct tls_conn *conn)
{
  COUNT(tls_failed);
  COUNT(tls_plain);
  tls_stream_free(conn->watch.tls, conn->watch.fd);
  conn->watch.tls = NULL;
  admit(conn, "This address speaks TLS only.");
}

static bool begin(struct tls_conn *conn)
{
  SSL *ssl = tls_contexts_begin(conn->env->tls, !conn->door->carrier);
  conn->watch.tls = ssl ? tls_stream_new(ssl, &conn->env->settings->tls) : NULL;
  return conn->watch.tls != NULL;
}

static void step(struct tls_conn *conn)
{
  const char *why;
  if (!conn->watch.tls && !begin(conn)) {
    fail(conn, "out of memory");
    return;
  }
  switch (tls_stream_handshake(conn->watch.tls, conn->watch.fd, &why)) {
  case TLS_DONE:
    if (poller_want(&conn->env->poller, &conn->watch, EPOLLIN))
      succeed(conn);
    else
      end(conn);
    break;
  case TLS_MORE:
    if (!poller_want(&conn->env->poller, &conn->watch,
                     stream_is_blocked(&conn->watch) ? EPOLLOUT : EPOLLIN))
      end(conn);
    break;
  case TLS_PLAIN:
    refuse_plain(conn);
    break;
  case TLS_FAILED:
    fail(conn, why);
    break;
  }
}

static void on_ready(struct watch *watch, uint32_t events)
{
  struct tls_conn *conn = container_of(watch, struct tls_conn, watch);
  (void)events;
  if (list_empty(&conn->due))
    list_append(&conn->env->handshakes, &conn->due);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
  struct tls_conn *conn = container_of(timer, struct tls_conn, timer);
  (void)now_ms;
  COUNT(tls_timeouts);
  end(conn);
}

bool tls_conn_new(struct net_env *env, const struct door *door, int fd, struct watch *former,
                  const struct net_peer *peer, bool counted, uint64_t opened_ms)
{
  struct tls_conn *conn = calloc(1, sizeof *conn);
  if (!conn)
    return false;
  conn->watch = (struct watch){.fd = fd, .ready = on_ready, .newcomer = true};
  if (former)
    poller_move(&env->poller, former, &conn->watch);
  else if (!poller_add(&env->poller, &conn->watch, EPOLLIN)) {
    free(conn);
    return false;
  }
  conn->env = env;
  conn->door = door;
  conn->peer = *peer;
  conn->counted = counted;
  conn->opened_ms = opened_ms;
  timer_init(&conn->timer, on_timer);
  list_init(&conn->due);
  list_append(&env->tls_conns, &conn->link);
  timers_arm(&env->timers, &conn->timer, env->now_ms + env->settings->tls.handshake_timeout_ms);
  COUNT(tls_handshaking);
  return true;
}

/* A handshake takes some 30 KiB while it lasts, of which half is the connection's. What thousands
 * that went on at once have left in the heap goes back, all in one go, which is less than a
 * millisecond, when there are none any more. */
#define TRIM_HANDSHAKES 256

static void trim_heap(struct net_env *env)
{
  if (env->n_handshakes < TRIM_HANDSHAKES || !list_empty(&env->tls_conns))
    return;
  env->n_handshakes = 0;
#ifdef __GLIBC__
  (void)malloc_trim(0);
#endif
}

/* Of tickets that can wait, in a turn: a fan-out to all who came in a storm is no second storm. */
#define TICKETS_PER_TURN 1

bool tls_conns_step(struct net_env *env)
{
  uint64_t n = env->settings->tls.handshakes_per_turn;
  struct list *node;
  if (list_empty(&env->handshakes)) {
    trim_heap(env);
    tls_stream_permit_tickets(TICKETS_PER_TURN);
    return false;
  }
  while (n-- && (node = list_first(&env->handshakes))) {
    list_remove(node);
    step(container_of(node, struct tls_conn, due));
  }
  tls_stream_permit_tickets(list_empty(&env->handshakes) ? TICKETS_PER_TURN : 0);
  return true;
}

void tls_conns_cut(struct net_env *env)
{
  struct list *node;
  while ((node = list_first(&env->tls_conns)))
    end(container_of(node, struct tls_conn, link));
}
