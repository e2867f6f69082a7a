#include "net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "net/callbacks.h"
#include "net/worker.h"

#define BACKLOG         4096
#define ACCEPT_PER_TURN 64
#define PAUSE_MS        100

static int bind_one(const struct addrinfo *ai, bool share_port)
{
  int on = 1;
  int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
  if (fd < 0)
    return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (share_port)
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (ai->ai_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
    return fd;
  int saved = errno;
  close(fd);
  errno = saved;
  return -1;
}

static uint16_t port_of(int fd)
{
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } address = {.in6 = {0}};
  socklen_t len = sizeof address;
  if (getsockname(fd, &address.any, &len) != 0)
    return 0;
  return ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
}

static int bind_address(const struct settings_address *address, bool share_port,
                        struct plug_err *err)
{
  struct addrinfo hints = {.ai_family = AF_UNSPEC,
                           .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                  *found = NULL;
  char service[8];
  snprintf(service, sizeof service, "%u", address->port);
  int gai = getaddrinfo(address->host, service, &hints, &found);
  if (gai) {
    snprintf(err->text, sizeof err->text, "cannot listen on %s:%u: %s", address->host,
             address->port, gai_strerror(gai));
    return -1;
  }
  int fd = bind_one(found, share_port);
  if (fd < 0)
    snprintf(err->text, sizeof err->text, "cannot listen on %s:%u: %s", address->host,
             address->port, strerror(errno));
  freeaddrinfo(found);
  return fd;
}

plug_status listener_probe(const struct settings_address *address, struct plug_err *err)
{
  int fd = bind_address(address, false, err);
  if (fd < 0)
    return PLUG_EUNAVAIL;
  close(fd);
  return PLUG_OK;
}

int listener_bind(const struct settings_address *address, uint16_t *port, struct plug_err *err)
{
  int fd = bind_address(address, true, err);
  if (fd >= 0)
    *port = port_of(fd);
  return fd;
}

/* --- accepting ---------------------------------------------------------------------------- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_resume(uv_timer_t *timer)
{
  struct listener *listener = timer->data;
  listener_start(listener);
}

static void pause_accepting(struct listener *listener, int error)
{
  static struct log_limit limit;
  uint64_t held;
  COUNT(accept_paused);
  uv_poll_stop(&listener->poll);
  uv_timer_start(&listener->resume, on_resume, PAUSE_MS, 0);
  if (log_limit_pass(&limit, 10000, &held))
    log_warn("net", "accepting is paused: %s; it goes on as connections close", strerror(error));
}

/* Over max-connections: say so before closing, as far as one send goes. */
static void refuse(const struct listener *listener, int fd)
{
  static const char http[] = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n"
                             "retry-after: 1\r\ncontent-type: text/plain\r\n"
                             "content-length: 25\r\n\r\nToo many connections now\n";
  static const char tcp[] = "ERROR\nmessage:too many connections\n"
                            "content-type:text/plain;charset=UTF-8\ncontent-length:39\n\n"
                            "too many connections. Try again later.\n";
  COUNT(connections_refused);
  if (listener->kind == CONN_TCP)
    (void)!send(fd, tcp, sizeof tcp, MSG_DONTWAIT | MSG_NOSIGNAL);
  else
    (void)!send(fd, http, sizeof http - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  close(fd);
}

static void adopt(struct listener *listener, int fd)
{
  struct worker *worker = listener->worker;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  uint64_t max = worker->settings->max_connections;
  int64_t n = atomic_fetch_add_explicit(worker->n_connections, 1, memory_order_relaxed);
  if (max && n >= (int64_t)max) {
    atomic_fetch_sub_explicit(worker->n_connections, 1, memory_order_relaxed);
    refuse(listener, fd);
    return;
  }
  COUNT(connections);
  COUNT(connections_total);
  /* libwebsockets reports each connection's end with WSI_DESTROY, where the gauges go down, and
   * closes the socket of one that it cannot take. */
  uint64_t n_destroyed = worker->n_destroyed;
  lws_sock_file_fd_type descriptor = {.sockfd = fd};
  struct lws *wsi = listener->kind == CONN_TCP
                        ? lws_adopt_descriptor_vhost(worker->vhost, LWS_ADOPT_SOCKET, descriptor,
                                                     CALLBACKS_TCP, NULL)
                        : lws_adopt_socket_vhost(worker->vhost, fd);
  if (!wsi && worker->n_destroyed == n_destroyed)
    worker_connection_ended(worker);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  struct listener *listener = poll->data;
  (void)events;
  if (status < 0)
    return;
  listener->worker->now_ms = uv_now(&listener->worker->loop);
  for (int i = 0; i < ACCEPT_PER_TURN; i++) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      adopt(listener, fd);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      pause_accepting(listener, errno);
    else if (errno == EINTR || errno == ECONNABORTED)
      continue;
    return;
  }
}

plug_status listener_open(struct listener *listener, struct worker *worker, int fd,
                          enum conn_kind kind)
{
  listener->worker = worker;
  listener->fd = fd;
  listener->kind = kind;
  if (uv_poll_init(&worker->loop, &listener->poll, fd) != 0)
    return PLUG_EINTERNAL;
  uv_timer_init(&worker->loop, &listener->resume);
  listener->poll.data = listener->resume.data = listener;
  listener->open = true;
  return PLUG_OK;
}

void listener_start(struct listener *listener)
{
  uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void on_poll_closed(uv_handle_t *handle)
{
  struct listener *listener = handle->data;
  close(listener->fd);
}

void listener_close(struct listener *listener)
{
  if (!listener->open)
    return;
  listener->open = false;
  uv_poll_stop(&listener->poll);
  uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
  uv_close((uv_handle_t *)&listener->resume, NULL);
}
