#include "net/listener.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "net/peer.h"

#define BACKLOG         4096
#define ACCEPT_PER_TURN 32
/* Of those who come for TLS, and then wait in line for their handshakes, of which a turn has few:
 * to take them all from the backlog at once would only keep messages waiting. */
#define ACCEPT_TLS      8
#define PAUSE_MS        100

static int bind_one(const struct addrinfo *ai, bool share_port)
{
  int on = 1;
  int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
  if (fd < 0)
    return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* What is accepted has these from here, without a call for each. */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
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

int listener_resolve(const struct settings_address *address, struct addrinfo **found)
{
  const struct addrinfo hints = {
      .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  char service[8];
  snprintf(service, sizeof service, "%u", address->port);
  return getaddrinfo(address->host, service, &hints, found);
}

static int bind_address(const struct settings_address *address, bool share_port,
                        struct plug_err *err)
{
  struct addrinfo *found = NULL;
  int gai = listener_resolve(address, &found);
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

/* A session that has been closed for its stalled sends has so long to say farewell: the system's
 * own verdict, which resets the connection, comes after ours. */
#define FAREWELL_MS 5000u

static void set_option(int fd, int level, int name, uint64_t value)
{
  int number = value > INT_MAX ? INT_MAX : (int)value;
  setsockopt(fd, level, name, &number, sizeof number);
}

/* What is accepted has these from here, without a call for each. */
void listener_notice_vanished(int fd, const struct settings *settings)
{
  uint64_t idle_s = (settings->tcp_keepalive_ms + 999) / 1000;
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, settings->send_timeout_ms + FAREWELL_MS);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, idle_s != 0);
  if (!idle_s)
    return;
  /* With a user timeout the number of probes does not count, only when they go out. */
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, (settings->send_timeout_ms + 1999) / 2000);
}

int listener_bind(const struct settings_address *address, const struct settings *settings,
                  uint16_t *port, struct plug_err *err)
{
  int fd = bind_address(address, true, err);
  if (fd < 0)
    return fd;
  listener_notice_vanished(fd, settings);
  *port = port_of(fd);
  return fd;
}

static int unix_fault(struct plug_err *err, const char *path, const char *why, int fd)
{
  snprintf(err->text, sizeof err->text, "cannot listen on unix:%.160s: %s", path, why);
  if (fd >= 0)
    close(fd);
  return -1;
}

int listener_bind_unix(const struct settings_socket *place, struct plug_err *err)
{
  const char *path = place->path;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat st;
  memcpy(address.sun_path, path, strlen(path) + 1); /* its length is checked by the settings */
  const struct sockaddr *any = (const struct sockaddr *)(const void *)&address;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return unix_fault(err, path, strerror(errno), fd);
  if (lstat(path, &st) == 0) {
    if (!S_ISSOCK(st.st_mode))
      return unix_fault(err, path, "there is a file that is no socket", fd);
    if (connect(fd, any, sizeof address) == 0 || errno != ECONNREFUSED)
      return unix_fault(err, path, "a server listens there", fd);
    unlink(path);
  }
  /* What bind makes has the mode of the socket, less the umask's; in between it is never wider. */
  if (fchmod(fd, 0600) != 0 || bind(fd, any, sizeof address) != 0)
    return unix_fault(err, path, errno == ENOENT ? "its folder is not there" : strerror(errno), fd);
  if ((place->group >= 0 && chown(path, (uid_t)-1, (gid_t)place->group) != 0) ||
      chmod(path, place->mode) != 0 || listen(fd, BACKLOG) != 0) {
    int saved = errno;
    unlink(path);
    return unix_fault(err, path, strerror(saved), fd);
  }
  return fd;
}

/* --- accepting ---------------------------------------------------------------------------- */

static void on_readable(struct watch *watch, uint32_t events);

static void on_resume(struct timer *timer, uint64_t now_ms)
{
  struct listener *listener = container_of(timer, struct listener, resume);
  (void)now_ms;
  (void)poller_want(&listener->env->poller, &listener->watch, EPOLLIN);
}

static void pause_accepting(struct listener *listener, int error)
{
  static struct log_limit limit;
  uint64_t held;
  COUNT(accept_paused);
  (void)poller_want(&listener->env->poller, &listener->watch, 0);
  timers_arm(&listener->env->timers, &listener->resume, listener->env->now_ms + PAUSE_MS);
  if (log_limit_pass(&limit, 10000, &held))
    log_warn("net", "accepting is paused: %s; it goes on as connections close", strerror(error));
}

static void on_readable(struct watch *watch, uint32_t events)
{
  struct listener *listener = container_of(watch, struct listener, watch);
  (void)events;
  int most = listener->door.tls ? ACCEPT_TLS : ACCEPT_PER_TURN;
  for (int i = 0; i < most; i++) {
    union {
      struct sockaddr any;
      struct sockaddr_in6 in6;
    } address = {.in6 = {0}};
    socklen_t len = sizeof address;
    struct net_peer peer;
    int fd = accept4(watch->fd, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      net_peer_read(&peer, &address.any);
      admit_socket(listener->env, &listener->door, fd, &peer);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      pause_accepting(listener, errno);
    else if (errno == EINTR || errno == ECONNABORTED)
      continue;
    return;
  }
}

plug_status listener_open(struct listener *listener, struct net_env *env, int fd,
                          const struct door *door)
{
  listener->env = env;
  listener->door = *door;
  listener->watch = (struct watch){.fd = fd, .ready = on_readable, .shared = door->shared};
  timer_init(&listener->resume, on_resume);
  return poller_add(&env->poller, &listener->watch, EPOLLIN) ? PLUG_OK : PLUG_EINTERNAL;
}

void listener_renew(struct listener *listener)
{
  const struct settings *settings = listener->env->settings;
  door_set(&listener->door, settings);
  if (listener->watch.fd >= 0)
    listener_notice_vanished(listener->watch.fd, settings);
}

void listener_close(struct listener *listener)
{
  if (listener->watch.fd < 0)
    return;
  timers_stop(&listener->env->timers, &listener->resume);
  /* What others have, too, stays in an epoll when its descriptor is closed. */
  (void)poller_want(&listener->env->poller, &listener->watch, 0);
  poller_remove(&listener->env->poller, &listener->watch);
  close(listener->watch.fd);
  listener->watch.fd = -1;
}
