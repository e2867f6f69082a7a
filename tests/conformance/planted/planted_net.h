/* planted_net.h: a well-behaved broker with a backend (../with_backend.c), which the planted ones
 * differ from in one function each. Every node gets every message and looks itself who wants it. A
 * lost connection is reported, tried again every 50 ms, and then needs the interests again. Home
 * thread only. */
#ifndef PLANTED_NET_H
#define PLANTED_NET_H

#include "planted_broker.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { NET_FRAME_MAX = 4 << 20, NET_RETRY_MS = 50 };

struct net {
  struct base base; /* first */
  struct plug_timer *retry;
  struct plug_io *io;
  unsigned port;
  int fd, down;
  size_t len;
  char *bytes;
  /* For the planted ones. */
  const struct plug_msg *last;
  uint64_t came_ms;
  size_t n_frames;
};

static const struct plug_option net_options[] = {
    {"url", PLUG_OPT_STRING, PLUG_OPT_REQUIRED, NULL, NULL, "Where the backend listens."}};

static MAYBE plug_status net_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct net *net = calloc(1, sizeof *net);
  struct plug_str url = {NULL, 0};
  if (!net || !(net->bytes = malloc(NET_FRAME_MAX + 4))) {
    free(net);
    return err->code = PLUG_ENOMEM;
  }
  net->base.host = host;
  net->fd = -1;
  host->cfg_str(host, "url", &url);
  for (size_t i = 0; i < url.len; i++)
    net->port =
        url.ptr[i] >= '0' && url.ptr[i] <= '9' ? net->port * 10 + (unsigned)url.ptr[i] - '0' : 0;
  *self = net;
  return PLUG_OK;
}

static MAYBE void net_destroy(void *self)
{
  struct net *net = self;
  forget_interests(&net->base);
  free(net->bytes);
  free(net);
}

static void net_on_ready(void *arg, int fd, uint32_t ready);
static void net_lose(struct net *net);
static void net_arrive(struct net *net, const struct plug_msg *msg);

/* 1 if it is there. */
static MAYBE int net_connect(struct net *net)
{
  const struct plug_host *host = net->base.host;
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)net->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  net->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (net->fd < 0)
    return 0;
  /* Its first frame, an empty one, says that it hears us. */
  char hello[4];
  struct timeval limit = {1, 0};
  setsockopt(net->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(net->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      recv(net->fd, hello, sizeof hello, MSG_WAITALL) != sizeof hello ||
      !(net->io = host->io_open(host, net->fd, PLUG_IO_READ, net_on_ready, net))) {
    close(net->fd);
    net->fd = -1;
    return 0;
  }
  net->len = 0;
  return 1;
}

static MAYBE void net_hang_up(struct net *net)
{
  if (net->fd < 0)
    return;
  net->base.host->io_close(net->io);
  close(net->fd);
  net->fd = -1;
}

/* What the base does when the connection has gone: nothing of before counts any more. */
static MAYBE void base_lose(struct net *net)
{
  const struct plug_host *host = net->base.host;
  net_hang_up(net);
  net->down = 1;
  forget_interests(&net->base);
  host->broker->state(host, PLUG_STATE_DOWN, PLUG_INTERESTS_LOST, text_of("the backend has gone"));
  host->timer_set(net->retry, NET_RETRY_MS);
}

static MAYBE void base_again(void *arg)
{
  struct net *net = arg;
  const struct plug_host *host = net->base.host;
  if (!net_connect(net)) {
    host->timer_set(net->retry, NET_RETRY_MS);
    return;
  }
  net->down = 0;
  host->broker->state(host, PLUG_STATE_UP, PLUG_INTERESTS_LOST, text_of("the backend is back"));
}

static MAYBE void base_arrive(struct net *net, const struct plug_msg *msg)
{
  if (!msg)
    return; /* of a newer node */
  deliver_to_all(&net->base, msg);
  net->base.host->msg_unref(msg);
}

static MAYBE void net_on_ready(void *arg, int fd, uint32_t ready)
{
  struct net *net = arg;
  const struct plug_host *host = net->base.host;
  size_t at = 0;
  (void)ready;
  ssize_t n = recv(fd, net->bytes + net->len, NET_FRAME_MAX + 4 - net->len, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    net_lose(net);
    return;
  }
  net->len += (size_t)n;
  while (net->fd >= 0 && net->len - at >= 4) {
    uint32_t len;
    memcpy(&len, net->bytes + at, 4);
    if (net->len - at < 4 + len)
      break;
    net->n_frames++;
    net->came_ms = host->now_ms(host);
    if (len)
      net_arrive(net, host->msg_decode(host, (struct plug_str){net->bytes + at + 4, len}));
    at += 4 + len;
  }
  if (net->fd < 0)
    return;
  memmove(net->bytes, net->bytes + at, net->len - at);
  net->len -= at;
}

static void net_retry(void *arg);

static MAYBE plug_status net_start(void *self, struct plug_op *op)
{
  struct net *net = self;
  const struct plug_host *host = net->base.host;
  (void)op;
  net->retry = host->timer_new(host, net_retry, net);
  if (!net->retry)
    return PLUG_ENOMEM;
  if (!net_connect(net))
    return PLUG_EUNAVAIL;
  host->broker->state(host, PLUG_STATE_UP, 0, text_of("connected"));
  return PLUG_OK;
}

static MAYBE plug_status net_stop(void *self, struct plug_op *op)
{
  struct net *net = self;
  (void)op;
  net_hang_up(net);
  if (net->last)
    net->base.host->msg_unref(net->last);
  net->last = NULL;
  if (net->retry)
    net->base.host->timer_free(net->retry);
  net->retry = NULL;
  return PLUG_OK;
}

/* Length and bytes; what does not fit is the end of the connection. */
static MAYBE plug_status net_send(struct net *net, struct plug_str bytes)
{
  uint32_t len = (uint32_t)bytes.len;
  if (net->fd < 0)
    return PLUG_EUNAVAIL;
  struct iovec parts[2] = {{&len, 4}, {(void *)(uintptr_t)bytes.ptr, bytes.len}};
  struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
  for (size_t sent = 0; sent < 4 + bytes.len;) {
    ssize_t n = sendmsg(net->fd, &header, MSG_NOSIGNAL);
    if (n <= 0)
      return PLUG_EUNAVAIL;
    sent += (size_t)n;
    for (size_t i = 0; i < 2; i++) {
      size_t take = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;
      parts[i].iov_base = (char *)parts[i].iov_base + take;
      parts[i].iov_len -= take;
      n -= (ssize_t)take;
    }
  }
  return PLUG_OK;
}

static MAYBE plug_status net_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct net *net = self;
  (void)op;
  struct plug_str bytes = net->base.host->msg_encode(msg);
  return bytes.len ? net_send(net, bytes) : PLUG_ENOMEM;
}

static MAYBE plug_status net_subscribe(void *self, const struct plug_interest *v, size_t n,
                                       struct plug_op *op)
{
  struct net *net = self;
  return net->fd < 0 ? PLUG_EUNAVAIL : base_subscribe(&net->base, v, n, op);
}

static MAYBE void net_health(void *self, struct plug_health *out)
{
  const struct net *net = self;
  out->state = net->fd < 0 ? PLUG_STATE_DOWN : PLUG_STATE_UP;
}

#endif
