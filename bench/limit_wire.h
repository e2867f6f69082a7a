/* How the epoll limit reads and writes: sockets as they are (limit_wire_plain.c), or OpenSSL with
 * one SSL_write per call (limit_wire_tls.c). Owns what belongs to a descriptor beside the limit's
 * own. One thread. */
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

#endif
