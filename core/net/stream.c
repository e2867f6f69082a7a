#include "net/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"

ssize_t stream_recv(struct net_env *env, struct watch *watch, char *bytes, size_t len)
{
  bool full;
  ssize_t n;
  if (watch->tls) {
    n = tls_stream_recv(watch->tls, watch->fd, bytes, len, &full);
  } else {
    n = recv(watch->fd, bytes, len, 0);
    full = n == (ssize_t)len;
  }
  if (n > 0)
    COUNT_BY(bytes_in, n);
  if (full)
    poller_again(&env->poller, watch, EPOLLIN);
  return n;
}

ssize_t stream_send(struct net_env *env, struct watch *watch, struct plug_str bytes)
{
  ssize_t sent =
      watch->tls ? tls_stream_send(watch->tls, watch->fd, bytes) : sender_send(watch->fd, bytes);
  if (sent == -ENOBUFS) /* room for it in the socket does not become free: it is there */
    poller_again(&env->poller, watch, EPOLLOUT);
  if (sent > 0)
    COUNT_BY(bytes_out, sent);
  return sent;
}

void stream_shutdown(const struct watch *watch)
{
  if (watch->tls)
    tls_stream_shutdown(watch->tls, watch->fd);
  shutdown(watch->fd, SHUT_WR);
}

void stream_close(struct watch *watch)
{
  tls_stream_free(watch->tls, watch->fd);
  watch->tls = NULL;
  close(watch->fd);
}
