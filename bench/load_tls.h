/* TLS of the generator's connections. Owns the context; each connection owns what begins with it.
 * One thread. */
#ifndef BENCH_LOAD_TLS_H
#define BENCH_LOAD_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct load_tls; /* SSL_CTX */
struct conn_tls; /* SSL */

struct load_tls *load_tls_new(void);
void load_tls_free(struct load_tls *tls); /* NULL is nothing */

struct conn_tls *conn_tls_new(struct load_tls *tls, int fd);
void conn_tls_free(struct conn_tls *tls); /* NULL is nothing */

/* As recv and send that do not wait, errno included; the handshake is done meanwhile. What send has
 * refused with EAGAIN has to come again with the next call. */
ssize_t conn_tls_recv(struct conn_tls *tls, void *data, size_t cap);
ssize_t conn_tls_send(struct conn_tls *tls, const void *data, size_t len);

#endif
