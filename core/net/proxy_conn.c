#include "net/proxy_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "net/proxy_header.h"

struct proxy_conn {
  struct net_env *env;
  const struct door *door;
  struct watch watch;
  struct timer timer;
  struct list link;
  struct net_peer peer; /* the proxy */
  ssize_t seen;         /* bytes that were there when it was last looked */
  uint64_t opened_ms;
};

static void conn_free(struct proxy_conn *conn)
{
  timers_stop(&conn->env->timers, &conn->timer);
  list_remove(&conn->link);
  free(conn);
}

static void end(struct proxy_conn *conn)
{
  struct net_env *env = conn->env;
  poller_remove(&env->poller, &conn->watch);
  close(conn->watch.fd);
  net_socket_ended(env, NULL);
  conn_free(conn);
}

static void refuse(struct proxy_conn *conn)
{
  static struct log_limit limit;
  uint64_t held;
  char peer[NET_PEER_TEXT_MAX];
  COUNT(refused_proxy);
  if (log_limit_pass(&limit, 10000, &held))
    log_warn("net",
             "%.*s is a trusted proxy and sends no PROXY header, which 'proxy-protocol = on' asks "
             "for",
             (int)net_peer_text(&conn->peer, peer), peer);
  end(conn);
}

/* The header is looked at in the socket and then taken out, so that what follows stays there for
 * whoever reads next. */
static void on_ready(struct watch *watch, uint32_t events)
{
  struct proxy_conn *conn = container_of(watch, struct proxy_conn, watch);
  struct net_env *env = conn->env;
  char bytes[PROXY_HEADER_MAX];
  struct proxy_header header;
  (void)events;
  ssize_t n = recv(watch->fd, bytes, sizeof bytes, MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return;
  if (n <= 0 || n == conn->seen) { /* woken, and nothing came: the proxy has closed */
    end(conn);
    return;
  }
  conn->seen = n;
  enum proxy_result result = proxy_header_read(bytes, (size_t)n, &header);
  if (result == PROXY_MORE) {
    /* Until more has come the socket would be ready all the time: the rest is waited for. */
    int want = (int)n + 1;
    if (setsockopt(watch->fd, SOL_SOCKET, SO_RCVLOWAT, &want, sizeof want) != 0)
      end(conn);
    return;
  }
  int one = 1;
  (void)setsockopt(watch->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
  if (result == PROXY_BAD || recv(watch->fd, bytes, header.len, 0) != (ssize_t)header.len) {
    refuse(conn);
    return;
  }
  if ((size_t)n > header.len || (size_t)n == sizeof bytes)
    poller_again(&env->poller, watch, EPOLLIN); /* whoever has the socket then */
  admit_client(env, conn->door, watch->fd, watch, header.has_peer ? &header.peer : &conn->peer,
               conn->opened_ms);
  conn_free(conn);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
  struct proxy_conn *conn = container_of(timer, struct proxy_conn, timer);
  (void)now_ms;
  COUNT(closed_connect_timeout);
  end(conn);
}

bool proxy_conn_new(struct net_env *env, const struct door *door, int fd,
                    const struct net_peer *peer)
{
  struct proxy_conn *conn = calloc(1, sizeof *conn);
  if (!conn)
    return false;
  conn->watch = (struct watch){.fd = fd, .ready = on_ready, .newcomer = true};
  if (!poller_add(&env->poller, &conn->watch, EPOLLIN)) {
    free(conn);
    return false;
  }
  conn->env = env;
  conn->door = door;
  conn->peer = *peer;
  conn->opened_ms = env->now_ms;
  timer_init(&conn->timer, on_timer);
  list_append(&env->proxy_conns, &conn->link);
  timers_arm(&env->timers, &conn->timer, env->now_ms + env->settings->connect_timeout_ms);
  return true;
}

void proxy_conns_cut(struct net_env *env)
{
  struct list *node;
  while ((node = list_first(&env->proxy_conns)))
    end(container_of(node, struct proxy_conn, link));
}
