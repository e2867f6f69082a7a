/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "check_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PAIRS = 64, CHUNK = 16384 };

/* One direction of a connection. What was read and is not yet written waits here, so that it is
 * never more than a chunk. */
struct half {
  int from, to;
  size_t at, len;
  int ended;
  char bytes[CHUNK];
};

struct pair {
  struct half out, in; /* to the backend, and back */
};

struct check_relay {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t seen;
  enum check_relay_mode wanted, mode; /* under the lock */
  int ending;                         /* under the lock */
  size_t n_accepted;                  /* under the lock */
  int wake[2];
  int listener; /* -1 while it is cut */
  struct sockaddr_in address;
  struct sockaddr_storage backend;
  socklen_t backend_len;
  struct pair *pairs[MAX_PAIRS];
  size_t n_pairs;
};

static int listen_at(struct sockaddr_in *address)
{
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  socklen_t len = sizeof *address;
  if (fd < 0)
    return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)address, len) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, (struct sockaddr *)address, &len) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

static void close_pair(struct check_relay *relay, size_t i)
{
  struct pair *pair = relay->pairs[i];
  close(pair->out.from);
  close(pair->out.to);
  free(pair);
  relay->pairs[i] = relay->pairs[--relay->n_pairs];
}

static void accept_one(struct check_relay *relay)
{
  int on = 1;
  int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0)
    return;
  int backend = socket(relay->backend.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pair *pair = calloc(1, sizeof *pair);
  if (backend < 0 || !pair || relay->n_pairs == MAX_PAIRS ||
      connect(backend, (struct sockaddr *)&relay->backend, relay->backend_len) != 0) {
    if (backend >= 0)
      close(backend);
    close(client);
    free(pair);
    return;
  }
  fcntl(backend, F_SETFL, O_NONBLOCK);
  setsockopt(backend, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  pair->out.from = pair->in.to = client;
  pair->out.to = pair->in.from = backend;
  relay->pairs[relay->n_pairs++] = pair;
  pthread_mutex_lock(&relay->lock);
  relay->n_accepted++;
  pthread_mutex_unlock(&relay->lock);
}

/* 0 when the connection has broken. */
static int pass(struct half *half, enum check_relay_mode mode)
{
  if (half->at == half->len && !half->ended) {
    ssize_t n = read(half->from, half->bytes, sizeof half->bytes);
    if (n < 0)
      return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
      half->ended = 1;
      shutdown(half->to, SHUT_WR);
      return 1;
    }
    half->at = 0;
    half->len = (size_t)n;
  }
  while (half->at < half->len) {
    size_t piece = mode == CHECK_RELAY_SPLIT ? 1 : half->len - half->at;
    ssize_t n = send(half->to, half->bytes + half->at, piece, MSG_NOSIGNAL);
    if (n < 0)
      return errno == EAGAIN || errno == EINTR;
    half->at += (size_t)n;
  }
  return 1;
}

static void follow(struct check_relay *relay)
{
  pthread_mutex_lock(&relay->lock);
  enum check_relay_mode mode = relay->wanted;
  pthread_mutex_unlock(&relay->lock);
  if (mode == CHECK_RELAY_CUT) {
    while (relay->n_pairs)
      close_pair(relay, 0);
    if (relay->listener >= 0)
      close(relay->listener);
    relay->listener = -1;
  } else if (relay->listener < 0) {
    relay->listener = listen_at(&relay->address);
  }
  pthread_mutex_lock(&relay->lock);
  relay->mode = mode;
  pthread_cond_signal(&relay->seen);
  pthread_mutex_unlock(&relay->lock);
}

static short events_of(const struct half *reads, const struct half *writes)
{
  return (short)((reads->at == reads->len && !reads->ended ? POLLIN : 0) |
                 (writes->at < writes->len ? POLLOUT : 0));
}

static void *run(void *arg)
{
  struct check_relay *relay = arg;
  for (;;) {
    struct pollfd fds[2 + 2 * MAX_PAIRS];
    size_t n_pairs = relay->mode == CHECK_RELAY_STALL ? 0 : relay->n_pairs;
    fds[0] = (struct pollfd){relay->wake[0], POLLIN, 0};
    fds[1] = (struct pollfd){relay->listener, POLLIN, 0};
    for (size_t i = 0; i < n_pairs; i++) {
      const struct pair *pair = relay->pairs[i];
      fds[2 + 2 * i] = (struct pollfd){pair->out.from, events_of(&pair->out, &pair->in), 0};
      fds[3 + 2 * i] = (struct pollfd){pair->in.from, events_of(&pair->in, &pair->out), 0};
    }
    poll(fds, 2 + 2 * n_pairs, relay->listener < 0 && relay->mode != CHECK_RELAY_CUT ? 10 : -1);
    for (size_t i = n_pairs; i-- > 0;) {
      struct pair *pair = relay->pairs[i];
      if (!(fds[2 + 2 * i].revents | fds[3 + 2 * i].revents))
        continue;
      if (!pass(&pair->out, relay->mode) || !pass(&pair->in, relay->mode) ||
          (pair->out.ended && pair->in.ended))
        close_pair(relay, i);
    }
    if (fds[1].revents)
      accept_one(relay);
    if (fds[0].revents) {
      char byte;
      if (read(relay->wake[0], &byte, 1) == 1 && byte == 'q')
        return NULL;
    }
    follow(relay);
  }
}

struct check_relay *check_relay_new(const char *host, const char *port, char *why, size_t room)
{
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  int error = getaddrinfo(host, port, &hints, &found);
  if (error) {
    snprintf(why, room, "%s:%s: %s", host, port, gai_strerror(error));
    return NULL;
  }
  struct check_relay *relay = calloc(1, sizeof *relay);
  if (!relay)
    abort();
  memcpy(&relay->backend, found->ai_addr, found->ai_addrlen);
  relay->backend_len = found->ai_addrlen;
  freeaddrinfo(found);
  relay->address.sin_family = AF_INET;
  relay->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  relay->listener = listen_at(&relay->address);
  if (relay->listener < 0 || pipe2(relay->wake, O_CLOEXEC) != 0) {
    snprintf(why, room, "no socket for the relay: %s", strerror(errno));
    if (relay->listener >= 0)
      close(relay->listener);
    free(relay);
    return NULL;
  }
  pthread_mutex_init(&relay->lock, NULL);
  pthread_cond_init(&relay->seen, NULL);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&relay->thread, NULL, run, relay);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error)
    abort();
  return relay;
}

static void wake(struct check_relay *relay, char byte)
{
  while (write(relay->wake[1], &byte, 1) < 0 && errno == EINTR)
    ;
}

void check_relay_free(struct check_relay *relay)
{
  if (!relay)
    return;
  wake(relay, 'q');
  pthread_join(relay->thread, NULL);
  while (relay->n_pairs)
    close_pair(relay, 0);
  if (relay->listener >= 0)
    close(relay->listener);
  close(relay->wake[0]);
  close(relay->wake[1]);
  pthread_mutex_destroy(&relay->lock);
  pthread_cond_destroy(&relay->seen);
  free(relay);
}

uint16_t check_relay_port(const struct check_relay *relay)
{
  return ntohs(relay->address.sin_port);
}

void check_relay_set(struct check_relay *relay, enum check_relay_mode mode)
{
  pthread_mutex_lock(&relay->lock);
  relay->wanted = mode;
  pthread_mutex_unlock(&relay->lock);
  wake(relay, 'm');
  pthread_mutex_lock(&relay->lock);
  while (relay->mode != mode)
    pthread_cond_wait(&relay->seen, &relay->lock);
  pthread_mutex_unlock(&relay->lock);
}

size_t check_relay_accepted(const struct check_relay *relay)
{
  struct check_relay *mine = (struct check_relay *)(uintptr_t)relay;
  pthread_mutex_lock(&mine->lock);
  size_t n = mine->n_accepted;
  pthread_mutex_unlock(&mine->lock);
  return n;
}

int check_relay_find(const char *text, size_t *host, size_t *host_len, size_t *port,
                     size_t *port_len)
{
  const char *scheme = strstr(text, "://");
  const char *at = scheme ? scheme + 3 : text;
  size_t authority = strcspn(at, "/?#,");
  const char *sign = NULL;
  for (size_t i = 0; i < authority; i++)
    if (at[i] == '@')
      sign = at + i;
  const char *end = at + authority;
  if (sign)
    at = sign + 1;
  const char *colon;
  if (at < end && *at == '[') {
    const char *close = memchr(at, ']', (size_t)(end - at));
    if (!close)
      return 0;
    *host = (size_t)(at + 1 - text);
    *host_len = (size_t)(close - at - 1);
    colon = close + 1;
  } else {
    colon = memchr(at, ':', (size_t)(end - at));
    if (!colon)
      return 0;
    *host = (size_t)(at - text);
    *host_len = (size_t)(colon - at);
  }
  if (colon >= end || *colon != ':' || *host_len == 0)
    return 0;
  *port = (size_t)(colon + 1 - text);
  *port_len = (size_t)(end - colon - 1);
  if (*port_len == 0 || *port_len > 5)
    return 0;
  for (size_t i = 0; i < *port_len; i++)
    if (colon[1 + i] < '0' || colon[1 + i] > '9')
      return 0;
  return 1;
}
