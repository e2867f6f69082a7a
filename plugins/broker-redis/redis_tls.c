#include "redis_tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "redis_tls_error.h"

enum {
  HANDSHAKE_READS = 4,
  /* Encrypted at once before it is sent, and sent in one turn: a full send buffer costs nothing but
   * this, and a long queue holds nobody up. */
  BATCH = 64 * 1024,
  BATCHES_PER_TURN = 4,
};

struct redis_tls {
  SSL *ssl;
  BIO_METHOD *method;
  const char *name; /* of the server */
  int fd;
  unsigned n_reads; /* that are allowed */
  bool has_more;    /* the last one was all that was allowed, and got all that it asked for */
  bool ended;       /* the other side sends nothing any more */
  bool owes_certificate;
  int error; /* errno of the socket; 0: none */
  struct redis_buf out;
  size_t out_sent;
  uint64_t records, records_per_key, keys;
  char why[REDIS_WHY_MAX];
};

static int on_bio_read(BIO *bio, char *bytes, int size)
{
  struct redis_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (tls->n_reads == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  ssize_t n = recv(tls->fd, bytes, (size_t)size, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    tls->n_reads = 0;
    tls->has_more = false;
    BIO_set_retry_read(bio);
    return -1;
  }
  tls->n_reads--;
  tls->has_more = n == size;
  tls->ended = n == 0;
  if (n < 0)
    tls->error = errno;
  return (int)n;
}

static int on_bio_write(BIO *bio, const char *bytes, int n)
{
  struct redis_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  redis_buf_put(&tls->out, bytes, (size_t)n);
  if (!tls->out.failed)
    return n;
  tls->error = ENOMEM;
  return -1;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *arg)
{
  const struct redis_tls *tls = BIO_get_data(bio);
  (void)number, (void)arg;
  if (command == BIO_CTRL_EOF)
    return tls->ended;
  return command == BIO_CTRL_FLUSH;
}

static BIO *make_bio(struct redis_tls *tls)
{
  tls->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "a socket of broker-redis");
  if (tls->method == NULL || BIO_meth_set_read(tls->method, on_bio_read) != 1 ||
      BIO_meth_set_write(tls->method, on_bio_write) != 1 ||
      BIO_meth_set_ctrl(tls->method, on_bio_ctrl) != 1)
    return NULL;
  BIO *bio = BIO_new(tls->method);
  if (bio == NULL)
    return NULL;
  BIO_set_data(bio, tls);
  BIO_set_init(bio, 1);
  return bio;
}

static int on_verify(int ok, X509_STORE_CTX *context)
{
  SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct redis_tls *tls = SSL_get_app_data(ssl);
  if (ok == 0 && tls->why[0] == '\0')
    redis_tls_explain_certificate(context, tls->name, tls->why);
  return ok;
}

/* Called when the server asks, whether there is one or not. */
static int on_certificate_wanted(SSL *ssl, void *arg)
{
  struct redis_tls *tls = arg;
  tls->owes_certificate = SSL_get_certificate(ssl) == NULL;
  return 1;
}

struct redis_tls *redis_tls_new(const struct redis_trust *trust, int fd, const char *host,
                                uint64_t records_per_key)
{
  struct redis_tls *tls = calloc(1, sizeof *tls);
  if (tls == NULL)
    return NULL;
  tls->fd = fd;
  tls->records_per_key = records_per_key;
  tls->ssl = redis_trust_open(trust, host, &tls->name);
  BIO *bio = tls->ssl == NULL ? NULL : make_bio(tls);
  if (bio == NULL) {
    redis_tls_free(tls);
    ERR_clear_error();
    return NULL;
  }
  SSL_set_bio(tls->ssl, bio, bio);
  SSL_set_app_data(tls->ssl, tls);
  SSL_set_read_ahead(tls->ssl, 1); /* not two reads for each record */
  if (!redis_trust_is_insecure(trust))
    SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, on_verify);
  SSL_set_cert_cb(tls->ssl, on_certificate_wanted, tls);
  return tls;
}

void redis_tls_free(struct redis_tls *tls)
{
  if (tls == NULL)
    return;
  SSL_free(tls->ssl);
  BIO_meth_free(tls->method);
  redis_buf_fini(&tls->out);
  free(tls);
}

/* What a call that has failed with ret means. */
static enum redis_tls_result judge(struct redis_tls *tls, int ret)
{
  int error = SSL_get_error(tls->ssl, ret);
  unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (tls->error != 0)
    return REDIS_TLS_LOST;
  if (error == SSL_ERROR_WANT_READ)
    return REDIS_TLS_AGAIN;
  if (error == SSL_ERROR_ZERO_RETURN || tls->ended)
    return REDIS_TLS_ENDED;
  if (tls->why[0] == '\0')
    redis_tls_explain(code, tls->owes_certificate, tls->why);
  return REDIS_TLS_BAD;
}

/* REDIS_TLS_OK: all of it is gone. */
static enum redis_tls_result flush(struct redis_tls *tls)
{
  size_t n = redis_tls_unsent(tls);
  ssize_t sent = n == 0 ? 0 : send(tls->fd, tls->out.ptr + tls->out_sent, n, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    tls->error = errno;
    return REDIS_TLS_LOST;
  }
  if (sent > 0)
    tls->out_sent += (size_t)sent;
  if (tls->out_sent < tls->out.len)
    return REDIS_TLS_AGAIN;
  redis_buf_clear(&tls->out);
  tls->out_sent = 0;
  return REDIS_TLS_OK;
}

enum redis_tls_result redis_tls_handshake(struct redis_tls *tls)
{
  ERR_clear_error();
  redis_tls_allow(tls, HANDSHAKE_READS);
  int ret = SSL_do_handshake(tls->ssl);
  redis_tls_allow(tls, 0);
  enum redis_tls_result result = ret == 1 ? REDIS_TLS_OK : judge(tls, ret);
  /* An alert, too, tells the other side what was wrong; but what was wrong first counts here. */
  enum redis_tls_result flushed = flush(tls);
  if (flushed == REDIS_TLS_LOST && (result == REDIS_TLS_OK || result == REDIS_TLS_AGAIN))
    return REDIS_TLS_LOST;
  return result;
}

void redis_tls_allow(struct redis_tls *tls, unsigned n_reads)
{
  tls->n_reads = n_reads;
}

enum redis_tls_result redis_tls_read(struct redis_tls *tls, char *bytes, size_t size, size_t *n)
{
  ERR_clear_error();
  int ret = SSL_read_ex(tls->ssl, bytes, size, n);
  return ret == 1 ? REDIS_TLS_OK : judge(tls, ret);
}

bool redis_tls_has_more(const struct redis_tls *tls)
{
  return tls->has_more;
}

/* In TLS 1.2 there are no new keys without a new handshake, which nobody wants. */
static void count_records(struct redis_tls *tls, size_t n)
{
  tls->records += n / SSL3_RT_MAX_PLAIN_LENGTH + 1;
  if (tls->records < tls->records_per_key || SSL_version(tls->ssl) != TLS1_3_VERSION)
    return;
  if (SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
    return; /* tried again with the next record */
  tls->records = 0;
  tls->keys++;
}

/* All of it, since the buffer takes everything. */
static enum redis_tls_result encrypt(struct redis_tls *tls, const char *bytes, size_t n)
{
  size_t written;
  ERR_clear_error();
  int ret = SSL_write_ex(tls->ssl, bytes, n, &written);
  if (ret != 1)
    return judge(tls, ret);
  count_records(tls, n);
  return REDIS_TLS_OK;
}

enum redis_tls_result redis_tls_write(struct redis_tls *tls, const char *bytes, size_t n,
                                      size_t *taken)
{
  *taken = 0;
  enum redis_tls_result result = flush(tls);
  for (int i = 0; i < BATCHES_PER_TURN && result == REDIS_TLS_OK && *taken < n; i++) {
    size_t batch = n - *taken < BATCH ? n - *taken : BATCH;
    result = encrypt(tls, bytes + *taken, batch);
    if (result == REDIS_TLS_OK) {
      *taken += batch;
      result = flush(tls);
    }
  }
  return result;
}

size_t redis_tls_unsent(const struct redis_tls *tls)
{
  return tls->out.len - tls->out_sent;
}

int redis_tls_errno(const struct redis_tls *tls)
{
  return tls->error;
}

const char *redis_tls_why(const struct redis_tls *tls)
{
  return tls->why;
}

bool redis_tls_owes_certificate(const struct redis_tls *tls)
{
  return tls->owes_certificate;
}

const char *redis_tls_version(const struct redis_tls *tls)
{
  return SSL_get_version(tls->ssl);
}

uint64_t redis_tls_keys(const struct redis_tls *tls)
{
  return tls->keys;
}
