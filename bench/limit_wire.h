/* How the epoll limit reads and writes: sockets as they are (limit_wire_plain.c), or OpenSSL with
 * one SSL_write per call (limit_wire_tls.c), or sockets with an io_uring (limit_wire_plain.c, too).
 * Owns what belongs to a descriptor beside the limit's own. One thread. */
#ifndef BENCH_LIMIT_WIRE_H
#define BENCH_LIMIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef LIMIT_TLS
#define WIRE_FILES 2 /* certificate, key */
#else
#define WIRE_FILES 0
#endif

/* False, with a line on standard error: files cannot be used. */
bool wire_start(size_t n_descriptors, char *const files[2]);
void wire_stop(void);

void wire_accepted(int fd);
/* As recv and send that do not wait, errno included. What has been refused with EAGAIN has to come
 * again with the next call. */
ssize_t wire_recv(int fd, void *data, size_t cap);
ssize_t wire_send(int fd, const void *data, size_t len);
void wire_close(int fd);

/* What has become of a write that was not taken whole: sent as from wire_send, with a negative
 * errno. */
typedef void wire_done(int fd, const char *data, size_t len, ssize_t sent);

/* A write that may be put off until wire_post_end, until when its data stays. False: it is not put
 * off, and to be made at once. */
bool wire_post(int fd, const char *data, size_t len, wire_done *done);
/* Makes what was put off. */
void wire_post_end(wire_done *done);

#endif
