/* The bytes of a connection's socket, with TLS on it or without: the same calls for both. Owns
 * nothing; the watch has the socket and what is on it. Worker's thread only. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/env.h"
#include "net/sender.h"
#include "net/tls_stream.h"

/* Room that whoever reads offers beyond what he asks for: net_env.rx has it. */
#define STREAM_MORE TLS_RECV_MORE

/* As recv(2). What it has not read is told again, to newcomers, too. */
ssize_t stream_recv(struct net_env *env, struct watch *watch, char *bytes, size_t len);

/* As sender_send: what was not taken is the caller's. -ENOBUFS is told again. All of it may have
 * been taken and stream_is_blocked all the same. */
ssize_t stream_send(struct net_env *env, struct watch *watch, struct plug_str bytes);

/* Bytes that were taken wait for room in the socket, and so must everything else: stream_flush once
 * it is writable. */
static inline bool stream_is_blocked(const struct watch *watch)
{
  return watch->tls && tls_stream_rest(watch->tls);
}

/* How many these are. */
static inline size_t stream_rest(const struct watch *watch)
{
  return watch->tls ? tls_stream_rest(watch->tls) : 0;
}

/* 0, or a negative errno, -EAGAIN: it is blocked still. */
static inline int stream_flush(const struct watch *watch)
{
  return watch->tls ? tls_stream_flush(watch->tls, watch->fd) : 0;
}

/* Tells the peer that nothing more will come. */
void stream_shutdown(const struct watch *watch);
/* Closes the socket, which the poller has forgotten or will forget. */
void stream_close(struct watch *watch);

#endif
