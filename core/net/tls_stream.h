/* TLS on one connected socket: what comes in is opened, what goes out is sealed into records. Owns
 * the SSL object and what the socket has not taken of records that were sealed: those cannot be
 * sealed again, so they go out first, whatever happens to the queue behind them. OpenSSL never
 * touches the socket after the handshake: many reads' worth of records come by one recv, all that a
 * turn has to say goes out by one send or in the worker's round of sends. Worker's thread only, and
 * another worker's once the connection has been handed over between two calls. */
#ifndef NET_TLS_STREAM_H
#define NET_TLS_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include <plugboard/abi.h>

#include "config/settings.h"

struct tls_stream;

/* Takes over ssl, which is fresh. NULL when out of memory: ssl is freed. */
struct tls_stream *tls_stream_new(SSL *ssl, const struct settings_tls *settings);
/* Says farewell if the socket takes it at once. NULL is nothing. */
void tls_stream_free(struct tls_stream *stream, int fd);

enum tls_step {
  TLS_DONE,
  TLS_MORE,   /* the client's turn; or there is a rest to be flushed */
  TLS_PLAIN,  /* this is HTTP or STOMP without TLS */
  TLS_FAILED, /* *why is a sentence, NULL: the client has gone */
};
/* One step of the handshake. */
enum tls_step tls_stream_handshake(struct tls_stream *stream, int fd, const char **why);
bool tls_stream_was_resumed(const struct tls_stream *stream);
/* How many tickets that can wait may go out from here on; the caller says so anew in each turn. */
void tls_stream_permit_tickets(unsigned n);

/* What recv may give beyond what was asked for: the rest of a record that had come in part. */
#define TLS_RECV_MORE 16384u

/* As recv(2) of a socket that does not wait; bytes has room for TLS_RECV_MORE beyond len. *full:
 * there may be more in the socket. */
ssize_t tls_stream_recv(struct tls_stream *stream, int fd, char *bytes, size_t len, bool *full);

/* Bytes of records that wait for room in the socket. */
size_t tls_stream_rest(const struct tls_stream *stream);
/* 0, or a negative errno: -EAGAIN as long as there is a rest. */
int tls_stream_flush(struct tls_stream *stream, int fd);
/* How many of the bytes were sealed and sent, or wait as the rest; a negative errno for none. */
ssize_t tls_stream_send(struct tls_stream *stream, int fd, struct plug_str bytes);
/* Nothing more will be sent: says so. */
void tls_stream_shutdown(struct tls_stream *stream, int fd);

/* --- for the round of sends at the end of a turn --------------------------------------------- */

enum tls_gather {
  TLS_GATHERED,
  TLS_ROUND_FULL, /* finish the round, and try again */
  TLS_BROKEN,
};
/* Seals as much of *bytes as one send may take: *n of them, which *bytes has as records then, valid
 * until the round ends. */
enum tls_gather tls_stream_gather(struct tls_stream *stream, struct plug_str *bytes, size_t *n);
/* The socket has taken so many of these bytes (a negative errno: none); the others are the rest
 * from now on. 0, or a negative errno. */
int tls_stream_account(struct tls_stream *stream, struct plug_str records, ssize_t sent);
void tls_stream_end_round(void);

/* --------------------------------------------------------------------------------------------- */

/* The subject of the client's verified certificate as RFC 2253 has it; the length, 0: there is
 * none, or it is longer than that. */
#define TLS_SUBJECT_MAX 1024
size_t tls_stream_subject(const struct tls_stream *stream, char out[TLS_SUBJECT_MAX]);

/* Frees what the thread keeps between calls. */
void tls_stream_drop_scratch(void);

#endif
