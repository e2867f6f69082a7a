#include "net/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/peer.h"

#define PASSED_MAX 64

union address {
  struct sockaddr any;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_un path;
};

struct passed_socket {
  int fd; /* -1: taken */
  union address address;
  char name[64]; /* FileDescriptorName= */
};

static struct passed_socket passed[PASSED_MAX];
static size_t n_passed;

/* For people. */
static void describe(const struct passed_socket *socket, char *out, size_t size)
{
  struct net_peer peer;
  char text[NET_PEER_TEXT_MAX];
  if (socket->address.any.sa_family == AF_UNIX) {
    snprintf(out, size, "unix:%.80s", socket->address.path.sun_path);
    return;
  }
  net_peer_read(&peer, &socket->address.any);
  snprintf(out, size, "%.*s", (int)net_peer_text(&peer, text), text);
}

static plug_status take_in(int fd, const char *name, struct plug_err *err)
{
  struct passed_socket *socket = &passed[n_passed];
  socklen_t len = sizeof socket->address;
  memset(&socket->address, 0, sizeof socket->address);
  snprintf(socket->name, sizeof socket->name, "%s", name ? name : "");
  if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
      getsockname(fd, &socket->address.any, &len) != 0 ||
      (socket->address.any.sa_family != AF_INET && socket->address.any.sa_family != AF_INET6 &&
       socket->address.any.sa_family != AF_UNIX)) {
    snprintf(err->text, sizeof err->text,
             "systemd has passed descriptor %d ('%.60s'), which is no listening socket of a stream",
             fd, socket->name);
    close(fd);
    return PLUG_EINVAL;
  }
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    snprintf(err->text, sizeof err->text, "descriptor %d: %s", fd, strerror(errno));
    close(fd);
    return PLUG_EUNAVAIL;
  }
  socket->fd = fd;
  n_passed++;
  return PLUG_OK;
}

plug_status passed_begin(struct plug_err *err)
{
  char **names = NULL;
  plug_status status = PLUG_OK;
  int n = sd_listen_fds_with_names(1, &names);
  if (n < 0) {
    snprintf(err->text, sizeof err->text, "LISTEN_FDS of the environment: %s", strerror(-n));
    return PLUG_EINVAL;
  }
  for (int i = 0; i < n; i++) {
    int fd = SD_LISTEN_FDS_START + i;
    if (status == PLUG_OK && n_passed == PASSED_MAX) {
      snprintf(err->text, sizeof err->text, "systemd has passed more than %d sockets", PASSED_MAX);
      status = PLUG_EINVAL;
    }
    if (status == PLUG_OK)
      status = take_in(fd, names ? names[i] : NULL, err);
    else
      close(fd);
    if (names)
      free(names[i]);
  }
  free(names);
  return status;
}

static int take(struct passed_socket *socket)
{
  int fd = socket->fd;
  socket->fd = -1;
  return fd;
}

static bool is_same(const union address *a, const struct addrinfo *wanted)
{
  const void *any = wanted->ai_addr;
  if (a->any.sa_family != wanted->ai_family)
    return false;
  if (a->any.sa_family == AF_INET) {
    const struct sockaddr_in *in = any;
    return a->in.sin_port == in->sin_port && a->in.sin_addr.s_addr == in->sin_addr.s_addr;
  }
  const struct sockaddr_in6 *in6 = any;
  return a->in6.sin6_port == in6->sin6_port &&
         memcmp(&a->in6.sin6_addr, &in6->sin6_addr, sizeof in6->sin6_addr) == 0;
}

int passed_take_address(const struct settings_address *address, const struct settings *settings)
{
  struct addrinfo *found = NULL;
  int fd = -1, on = 1;
  if (!n_passed || listener_resolve(address, &found) != 0)
    return -1; /* the bind says why */
  for (size_t i = 0; i < n_passed && fd < 0; i++)
    if (passed[i].fd >= 0 && passed[i].address.any.sa_family != AF_UNIX &&
        is_same(&passed[i].address, found))
      fd = take(&passed[i]);
  freeaddrinfo(found);
  if (fd >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listener_notice_vanished(fd, settings);
  }
  return fd;
}

int passed_take_path(const char *path)
{
  for (size_t i = 0; i < n_passed; i++)
    if (passed[i].fd >= 0 && passed[i].address.any.sa_family == AF_UNIX &&
        strcmp(passed[i].address.path.sun_path, path) == 0)
      return take(&passed[i]);
  return -1;
}

plug_status passed_end(struct plug_err *err)
{
  plug_status status = PLUG_OK;
  for (size_t i = 0; i < n_passed; i++) {
    char text[96];
    if (passed[i].fd < 0)
      continue;
    describe(&passed[i], text, sizeof text);
    if (status == PLUG_OK)
      snprintf(err->text, sizeof err->text,
               "systemd has passed a socket for %.95s ('%.60s'), which is no listen address of the "
               "configuration",
               text, passed[i].name);
    status = PLUG_EINVAL;
    close(take(&passed[i]));
  }
  n_passed = 0;
  return status;
}
