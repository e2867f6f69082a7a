#include "net/tls_stream_inner.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "net/sender.h"

#define READ_BYTES      65536u
#define HANDSHAKE_BYTES 4096u
#define RECORD_BYTES    16384u /* of plain bytes, at most */
#define RECORD_MORE     64u    /* what a record adds, with much to spare */
/* A ticket has the client's certificates in it, of which a length of two bytes is the limit. */
#define TICKET_BYTES    66560u
/* What one send may take at most: as much as without TLS. */
#define SEND_BYTES      131072u
/* Of a round: more than fits into the cache beside everything else makes sends slower. */
#define ROUND_BYTES     393216u

/* What the thread's streams share. */
struct out {
  char *data;
  size_t len, cap;
};

static _Thread_local struct {
  BIO *bio;                  /* of all streams that this thread has touched last */
  struct tls_stream *stream; /* the one that OpenSSL is called for */
  int fd;                    /* where the handshake may read from, or -1 */
  unsigned n_tickets;        /* that can wait and may go out in this turn */
  char *rx;                  /* READ_BYTES; what has come, from at to end */
  size_t rx_at, rx_end;
  struct out direct; /* what is sent before anything else is sealed */
  struct out round;  /* what the round of sends has gathered */
  struct out *out;   /* the one that is written to */
} io;

static bool make_room(struct out *out, size_t cap)
{
  if (!out->data) {
    out->data = malloc(cap);
    out->cap = out->data ? cap : 0;
  }
  return out->data != NULL;
}

static bool begin(struct out *out, size_t cap)
{
  io.out = out;
  return make_room(out, cap);
}

/* SSL_get_error looks at what anybody on this thread has left in OpenSSL's queue. To empty it costs
 * a fraction of a microsecond even if there is nothing in it: as much as a small record. */
static void forget_errors(void)
{
  if (ERR_peek_error())
    ERR_clear_error();
}

static bool begin_direct(void)
{
  io.direct.len = 0;
  return begin(&io.direct, SEND_BYTES + SEND_BYTES / 8 + TICKET_BYTES);
}

void tls_stream_drop_scratch(void)
{
  BIO_free(io.bio); /* streams that go on elsewhere hold it still */
  io.bio = NULL;
  free(io.rx);
  free(io.direct.data);
  free(io.round.data);
  io.rx = NULL;
  io.direct = io.round = (struct out){0};
}

/* --- between OpenSSL and the buffers ------------------------------------------------------ */

static int bio_write(BIO *bio, const char *bytes, int len)
{
  struct out *out = io.out;
  (void)bio;
  if (len < 0 || (size_t)len > out->cap - out->len)
    return -1;
  memcpy(out->data + out->len, bytes, (size_t)len);
  out->len += (size_t)len;
  return len;
}

/* The handshake reads what there is, and no more: of what comes later the poller tells. */
static void read_more(struct tls_stream *stream)
{
  ssize_t n;
  do
    n = recv(io.fd, io.rx, HANDSHAKE_BYTES, 0);
  while (n < 0 && errno == EINTR);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
    stream->ended = true;
  if (n < (ssize_t)HANDSHAKE_BYTES)
    io.fd = -1;
  io.rx_at = 0;
  io.rx_end = n > 0 ? (size_t)n : 0;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
  struct tls_stream *stream = io.stream;
  BIO_clear_retry_flags(bio);
  if (len <= 0 || stream->broken)
    return -1;
  if (io.rx_at == io.rx_end && io.fd >= 0)
    read_more(stream);
  if (stream->ended)
    return -1;
  size_t n = io.rx_end - io.rx_at;
  if (!n) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (n > (size_t)len)
    n = (size_t)len;
  memcpy(bytes, io.rx + io.rx_at, n);
  io.rx_at += n;
  return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
  (void)bio;
  (void)number;
  (void)ptr;
  return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
  if (method &&
      (BIO_meth_set_write(method, bio_write) != 1 || BIO_meth_set_read(method, bio_read) != 1 ||
       BIO_meth_set_ctrl(method, bio_ctrl) != 1)) {
    BIO_meth_free(method);
    method = NULL;
  }
}

/* --- life --------------------------------------------------------------------------------- */

/* Before OpenSSL is called for the stream. A BIO for each would be a fifth of a kilobyte; which
 * stream it is for is known here. False when out of memory. */
static bool enter(struct tls_stream *stream)
{
  io.stream = stream;
  if (io.bio && SSL_get_rbio(stream->ssl) == io.bio)
    return true;
  if (!io.bio) {
    io.bio = method ? BIO_new(method) : NULL;
    io.fd = -1;
    if (!io.bio)
      return false;
    BIO_set_init(io.bio, 1);
  }
  if (BIO_up_ref(io.bio) != 1)
    return false;
  SSL_set_bio(stream->ssl, io.bio, io.bio);
  return true;
}

struct tls_stream *tls_stream_new(SSL *ssl, const struct settings_tls *settings)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_method);
  struct tls_stream *stream = calloc(1, sizeof *stream);
  if (!stream) {
    SSL_free(ssl);
    return NULL;
  }
  stream->ssl = ssl;
  stream->rekey_after = (uint32_t)settings->rekey_after;
  stream->max_rekeys = (uint32_t)settings->max_rekeys;
  return stream;
}

void tls_stream_free(struct tls_stream *stream, int fd)
{
  if (!stream)
    return;
  /* Half a record is in front of it, or the client is not interested. */
  if (!stream->rest && SSL_is_init_finished(stream->ssl))
    tls_stream_shutdown(stream, fd);
  /* A session that ended otherwise can be resumed as well. */
  SSL_set_shutdown(stream->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(stream->ssl);
  ERR_clear_error();
  free(stream->rest);
  free(stream->ahead);
  free(stream);
}

/* --- sending ------------------------------------------------------------------------------ */

static bool is_full(ssize_t sent)
{
  return sent == -EAGAIN || sent == -EWOULDBLOCK || sent == -ENOBUFS;
}

size_t tls_stream_rest(const struct tls_stream *stream)
{
  return stream->rest_end - stream->rest_at;
}

/* Behind what is there. */
static int keep(struct tls_stream *stream, struct plug_str records)
{
  size_t have = tls_stream_rest(stream);
  char *rest = malloc(have + records.len);
  if (!rest) {
    stream->broken = true;
    return -ENOMEM;
  }
  if (have)
    memcpy(rest, stream->rest + stream->rest_at, have);
  memcpy(rest + have, records.ptr, records.len);
  free(stream->rest);
  stream->rest = rest;
  stream->rest_at = 0;
  stream->rest_end = (uint32_t)(have + records.len);
  return 0;
}

int tls_stream_account(struct tls_stream *stream, struct plug_str records, ssize_t sent)
{
  if (sent < 0 && !is_full(sent)) {
    stream->broken = true;
    return (int)sent;
  }
  size_t n = sent > 0 ? (size_t)sent : 0;
  return n == records.len ? 0 : keep(stream, str_from(records.ptr + n, records.len - n));
}

/* Sends what has been sealed into io.direct. */
static int push(struct tls_stream *stream, int fd)
{
  struct plug_str records = str_from(io.direct.data, io.direct.len);
  io.direct.len = 0;
  if (!records.len)
    return 0;
  if (stream->rest)
    return keep(stream, records);
  return tls_stream_account(stream, records, sender_send(fd, records));
}

int tls_stream_flush(struct tls_stream *stream, int fd)
{
  if (!stream->rest)
    return 0;
  ssize_t sent = sender_send(fd, str_from(stream->rest + stream->rest_at, tls_stream_rest(stream)));
  if (sent < 0) {
    stream->broken |= !is_full(sent);
    return is_full(sent) ? -EAGAIN : (int)sent;
  }
  stream->rest_at += (uint32_t)sent;
  if (tls_stream_rest(stream))
    return -EAGAIN;
  free(stream->rest);
  stream->rest = NULL;
  stream->rest_at = stream->rest_end = 0;
  return 0;
}

static void ask_for_ticket(struct tls_stream *stream)
{
  if (stream->ticket == TICKET_CAN_WAIT && !io.n_tickets--) {
    io.n_tickets = 0;
    return;
  }
  stream->ticket = TICKET_NONE;
  (void)SSL_new_session_ticket(stream->ssl);
}

void tls_stream_permit_tickets(unsigned n)
{
  io.n_tickets = n;
}

/* Into io.out, which has room. AES-GCM wears out: RFC 8446 5.5. */
static bool seal(struct tls_stream *stream, struct plug_str bytes)
{
  if (!enter(stream))
    return false;
  stream->n_records += (uint32_t)((bytes.len + RECORD_BYTES - 1) / RECORD_BYTES);
  if (stream->n_records >= stream->rekey_after) {
    stream->n_records = 0;
    if (SSL_version(stream->ssl) >= TLS1_3_VERSION)
      (void)SSL_key_update(stream->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
  } else if (stream->ticket) { /* OpenSSL does one thing at a time */
    ask_for_ticket(stream);
  }
  if (!stream->broken && SSL_write(stream->ssl, bytes.ptr, (int)bytes.len) == (int)bytes.len)
    return true;
  stream->broken = true;
  forget_errors();
  return false;
}

ssize_t tls_stream_send(struct tls_stream *stream, int fd, struct plug_str bytes)
{
  size_t done = 0;
  int status = tls_stream_flush(stream, fd);
  if (status)
    return status;
  while (done < bytes.len && !stream->rest) {
    size_t n = bytes.len - done < SEND_BYTES ? bytes.len - done : SEND_BYTES;
    if (!begin_direct())
      return -ENOMEM;
    if (!seal(stream, str_from(bytes.ptr + done, n)))
      return -EPROTO;
    status = push(stream, fd);
    if (status)
      return status;
    done += n;
  }
  return (ssize_t)done;
}

enum tls_gather tls_stream_gather(struct tls_stream *stream, struct plug_str *bytes, size_t *n)
{
  struct out *out = &io.round;
  size_t have = tls_stream_rest(stream);
  *n = bytes->len < SEND_BYTES ? bytes->len : SEND_BYTES;
  if (!begin(out, ROUND_BYTES))
    return TLS_BROKEN;
  size_t more = (*n / RECORD_BYTES + 4) * RECORD_MORE + (stream->ticket ? TICKET_BYTES : 0);
  if (have + *n + more > out->cap - out->len)
    return out->len ? TLS_ROUND_FULL : TLS_BROKEN;
  char *start = out->data + out->len;
  if (have) { /* what OpenSSL had to say while the socket was full */
    memcpy(start, stream->rest + stream->rest_at, have);
    out->len += have;
    free(stream->rest);
    stream->rest = NULL;
    stream->rest_at = stream->rest_end = 0;
  }
  if (!seal(stream, str_from(bytes->ptr, *n)))
    return TLS_BROKEN;
  *bytes = str_from(start, (size_t)(out->data + out->len - start));
  return TLS_GATHERED;
}

void tls_stream_end_round(void)
{
  io.round.len = 0;
}

void tls_stream_shutdown(struct tls_stream *stream, int fd)
{
  if (stream->shut || stream->broken || !begin_direct() || !enter(stream))
    return;
  stream->shut = true;
  ERR_clear_error();
  (void)SSL_shutdown(stream->ssl);
  (void)push(stream, fd);
}

/* --- receiving ---------------------------------------------------------------------------- */

/* The records in io.rx, opened. *error: as SSL_get_error has it. */
static size_t open_all(struct tls_stream *stream, char *bytes, size_t room, int *error)
{
  size_t total = 0;
  int n;
  do {
    forget_errors();
    n = SSL_read(stream->ssl, bytes + total, (int)(room - total));
    if (n > 0)
      total += (size_t)n;
  } while (n > 0 && total < room);
  *error = SSL_get_error(stream->ssl, n);
  return total;
}

static bool have_rx(void)
{
  if (!io.rx)
    io.rx = malloc(READ_BYTES);
  return io.rx != NULL;
}

/* Into io.rx, what came behind the handshake first. As recv(2). */
static ssize_t receive(struct tls_stream *stream, int fd, size_t len, bool *full)
{
  ssize_t n;
  if (stream->ahead) {
    n = (ssize_t)stream->ahead_len;
    memcpy(io.rx, stream->ahead, stream->ahead_len);
    free(stream->ahead);
    stream->ahead = NULL;
    *full = true;
  } else {
    n = recv(fd, io.rx, len, 0);
    *full = n == (ssize_t)len;
  }
  io.rx_at = 0;
  io.rx_end = n > 0 ? (size_t)n : 0;
  return n;
}

ssize_t tls_stream_recv(struct tls_stream *stream, int fd, char *bytes, size_t len, bool *full)
{
  *full = false;
  if (stream->broken) {
    errno = EPROTO;
    return -1;
  }
  if (stream->ended)
    return 0;
  if (!have_rx() || !begin_direct() || !enter(stream)) {
    errno = ENOMEM;
    return -1;
  }
  if (len > READ_BYTES)
    len = READ_BYTES;
  ssize_t n = receive(stream, fd, len, full);
  if (n <= 0)
    return n;
  int error;
  size_t total = open_all(stream, bytes, len + TLS_RECV_MORE, &error);
  if (error == SSL_ERROR_ZERO_RETURN)
    stream->ended = true;
  else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_NONE)
    stream->broken = true;
  if (push(stream, fd) != 0)
    stream->broken = true;
  forget_errors();
  if (total) {
    /* Of its end the reader hears by the next call, for which the socket has to be ready. */
    if (stream->ended || stream->broken)
      (void)shutdown(fd, SHUT_RD);
    return (ssize_t)total;
  }
  errno = stream->broken ? EPROTO : EAGAIN;
  return stream->ended && !stream->broken ? 0 : -1;
}

/* --- the handshake ------------------------------------------------------------------------ */

enum tls_step tls_stream_handshake(struct tls_stream *stream, int fd, const char **why)
{
  *why = NULL;
  if (tls_stream_rest(stream)) {
    int status = tls_stream_flush(stream, fd);
    if (status)
      return status == -EAGAIN ? TLS_MORE : TLS_FAILED;
  }
  if (SSL_is_init_finished(stream->ssl))
    return TLS_DONE;
  if (!have_rx() || !begin_direct() || !enter(stream))
    return TLS_FAILED;
  ERR_clear_error();
  io.rx_at = io.rx_end = 0;
  io.fd = fd;
  int n = SSL_do_handshake(stream->ssl);
  io.fd = -1;
  int error = SSL_get_error(stream->ssl, n);
  if (n != 1 && error != SSL_ERROR_WANT_READ) {
    enum tls_step step = tls_stream_judge_failure(stream, why);
    if (step == TLS_FAILED)
      (void)push(stream, fd); /* an alert that says why */
    io.direct.len = 0;
    ERR_clear_error();
    return step;
  }
  if (push(stream, fd) != 0)
    return TLS_FAILED;
  if (n == 1 &&
      !tls_stream_finish_handshake(stream, str_from(io.rx + io.rx_at, io.rx_end - io.rx_at)))
    return TLS_FAILED;
  return n != 1 || tls_stream_rest(stream) ? TLS_MORE : TLS_DONE;
}
