#include "net/admit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "net/conn.h"
#include "net/http_conn.h"
#include "net/proxy_conn.h"
#include "net/stream.h"
#include "net/tls_conn.h"

void door_set(struct door *door, const struct settings *settings)
{
  if (door->carrier)
    door->carrier = settings->trailing_lf ? &carrier_tcp_lf : &carrier_tcp;
  door->trusted_proxies =
      door->carrier ? &settings->tcp_trusted_proxies : &settings->http_trusted_proxies;
  door->proxy_protocol = door->carrier                ? settings->tcp_proxy_protocol
                         : door->kind == DOOR_CLIENTS ? settings->http_proxy_protocol
                                                      : false;
}

/* As far as one send goes. Over TLS it would take a handshake, which costs more than all else. */
static void tell(const struct door *door, int fd, struct plug_str http, struct plug_str tcp)
{
  if (door->tls)
    return;
  struct plug_str text = door->carrier ? tcp : http;
  (void)!send(fd, text.ptr, text.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void refuse_all(const struct door *door, int fd)
{
  COUNT(connections_refused);
  tell(door, fd,
       STR("HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
           "content-type: text/plain; charset=utf-8\r\ncontent-length: 25\r\n\r\n"
           "Too many connections now\n"),
       STR("ERROR\nmessage:too many connections\ncontent-type:text/plain;charset=UTF-8\n"
           "content-length:39\n\ntoo many connections. Try again later.\n\0"));
  close(fd);
}

static void refuse_address(const struct door *door, int fd)
{
  tell(door, fd,
       STR("HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\nretry-after: 1\r\n"
           "content-type: text/plain; charset=utf-8\r\ncontent-length: 40\r\n\r\n"
           "Too many connections from this address.\n"),
       STR("ERROR\nmessage:too many connections from this address\n"
           "content-type:text/plain;charset=UTF-8\ncontent-length:57\n\n"
           "too many connections from this address. Try again later.\n\0"));
}

/* Over TCP: to HTTP each request is answered. */
static bool begins_no_session(const struct net_env *env, const struct door *door)
{
  return door->carrier && env->shut;
}

static void refuse_stopping(const struct door *door, int fd)
{
  COUNT(refused_drain);
  tell(door, fd, STR(""),
       STR("ERROR\nmessage:the server is restarting\nerror-code:restarting\n"
           "content-type:text/plain;charset=UTF-8\ncontent-length:41\n\n"
           "the server is restarting. Connect again.\n\0"));
}

static void drop(struct net_env *env, int fd, struct watch *former, const struct net_peer *counted)
{
  if (former) {
    poller_remove(&env->poller, former);
    stream_close(former);
  } else {
    close(fd);
  }
  net_socket_ended(env, counted);
}

bool admit_address(struct net_env *env, const struct net_peer *peer)
{
  switch (addresses_enter(env->addresses, peer->address, env->now_ms)) {
  case ADDRESS_OK:
    return true;
  case ADDRESS_TOO_MANY:
    COUNT(refused_address);
    return false;
  case ADDRESS_TOO_FAST:
    COUNT(refused_rate);
    return false;
  }
  return false;
}

void admit_client(struct net_env *env, const struct door *door, int fd, struct watch *former,
                  const struct net_peer *peer, uint64_t opened_ms)
{
  /* The connections of an HTTP proxy are its clients': counted when these are known. */
  bool counted = addresses_have_limits(env->addresses) && !door->local &&
                 !door_is_operators(door->kind) &&
                 (door->carrier || !cidr_list_has(door->trusted_proxies, peer->address));
  if (counted && !admit_address(env, peer)) {
    refuse_address(door, fd);
    drop(env, fd, former, NULL);
  } else if (!door->tls || begins_no_session(env, door)) {
    admit_ready(env, door, fd, former, peer, counted, opened_ms, NULL);
  } else if (!tls_conn_new(env, door, fd, former, peer, counted, opened_ms)) {
    drop(env, fd, former, counted ? peer : NULL);
  }
}

void admit_ready(struct net_env *env, const struct door *door, int fd, struct watch *former,
                 const struct net_peer *peer, bool counted, uint64_t opened_ms, const char *refusal)
{
  bool taken;
  if (begins_no_session(env, door)) { /* also if that came to be during the handshake */
    refuse_stopping(door, fd);
    taken = false;
  } else if (door->carrier) {
    struct conn *conn = conn_new(env, fd, former, door->carrier, peer, counted, opened_ms);
    taken = conn != NULL;
    if (taken)
      conn_enter(conn, NULL, CARRIED_BY_TCP);
    if (taken && refusal)
      conn_fault(conn, CLOSE_PROTOCOL, refusal, NULL);
  } else {
    taken = http_conn_new(env, fd, former, peer, counted, door, opened_ms, refusal);
  }
  if (!taken)
    drop(env, fd, former, counted ? peer : NULL);
}

void admit_socket(struct net_env *env, const struct door *door, int fd, const struct net_peer *peer)
{
  uint64_t max = env->settings->max_connections;
  if (max && door_is_operators(door->kind))
    max += DOOR_RESERVE;
  int64_t n = atomic_fetch_add_explicit(env->n_sockets, 1, memory_order_relaxed);
  if (max && n >= (int64_t)max) {
    atomic_fetch_sub_explicit(env->n_sockets, 1, memory_order_relaxed);
    refuse_all(door, fd);
    return;
  }
  COUNT(connections);
  COUNT(connections_total);
  if (!door->proxy_protocol || !cidr_list_has(door->trusted_proxies, peer->address)) {
    admit_client(env, door, fd, NULL, peer, env->now_ms);
    return;
  }
  if (proxy_conn_new(env, door, fd, peer))
    return;
  close(fd);
  net_socket_ended(env, NULL);
}
