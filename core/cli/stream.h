/* A byte stream to a server: a non-blocking socket, with TLS over it where the target asks for it.
 * Owns the socket and the TLS state, not the addresses and the TLS context. One thread.
 *
 *   stream_begin(...); then stream_turn(...) whenever poll says so, until it is open
 */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include <netdb.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/target.h"

struct stream_tls {
  const char *cafile;     /* NULL: the system's */
  const char *cert, *key; /* of the client, PEM; NULL: none */
  bool insecure;          /* the server's certificate is not looked at */
};

enum stream_result {
  STREAM_GOOD,
  STREAM_AGAIN, /* wants says what to wait for */
  STREAM_END,   /* the peer has closed */
  STREAM_FAILED,
};

struct stream {
  int fd;      /* -1: none */
  short wants; /* POLLIN and POLLOUT, to go on with what did not go on */
  bool connected, open;
  const struct target *target;
  SSL_CTX *context;
  SSL *ssl;
  const struct addrinfo *next; /* tried when this one fails */
  char why[240];
};

/* NULL: why says what is wrong. */
SSL_CTX *stream_tls_new(const struct stream_tls *tls, char why[240]);

/* Blocks as long as the resolver takes. NULL: why says what is wrong. For freeaddrinfo. */
struct addrinfo *stream_resolve(const struct target *target, char why[240]);

/* context: of stream_tls_new; NULL where the target has no TLS. */
void stream_begin(struct stream *stream, const struct target *target, SSL_CTX *context,
                  const struct addrinfo *addresses);
/* GOOD: it is open. */
enum stream_result stream_turn(struct stream *stream);
enum stream_result stream_read(struct stream *stream, char *out, size_t cap, size_t *got);
enum stream_result stream_write(struct stream *stream, const char *bytes, size_t len, size_t *put);
/* Says goodbye where TLS wants it, waits for nothing. */
void stream_close(struct stream *stream);

#endif
