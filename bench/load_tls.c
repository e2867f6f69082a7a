#include "load_tls.h"

#include <errno.h>
#include <limits.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "load_conn.h"

static SSL_CTX *context_of(struct load_tls *tls)
{
  return (SSL_CTX *)tls;
}

static SSL *ssl_of(struct conn_tls *tls)
{
  return (SSL *)tls;
}

/* The servers' certificates are made for the run and not looked at; each handshake is a whole one.
 */
struct load_tls *load_tls_new(void)
{
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1)
    load_fail("TLS cannot be set up");
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return (struct load_tls *)context;
}

void load_tls_free(struct load_tls *tls)
{
  SSL_CTX_free(context_of(tls));
}

struct conn_tls *conn_tls_new(struct load_tls *tls, int fd)
{
  SSL *ssl = SSL_new(context_of(tls));
  if (!ssl || SSL_set_fd(ssl, fd) != 1)
    load_fail("no memory for another TLS connection");
  SSL_set_connect_state(ssl);
  return (struct conn_tls *)ssl;
}

void conn_tls_free(struct conn_tls *tls)
{
  SSL_free(ssl_of(tls));
}

static ssize_t failure(SSL *ssl, int result)
{
  int error = SSL_get_error(ssl, result);
  if (error == SSL_ERROR_ZERO_RETURN)
    return 0;
  if (error == SSL_ERROR_SSL)
    load_fail("TLS: %s", ERR_reason_error_string(ERR_peek_last_error()));
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
    errno = EAGAIN;
  else if (!errno)
    errno = ECONNRESET;
  return -1;
}

ssize_t conn_tls_recv(struct conn_tls *tls, void *data, size_t cap)
{
  size_t len = 0;
  while (len < cap) {
    size_t most = cap - len < INT_MAX ? cap - len : INT_MAX;
    ERR_clear_error();
    int n = SSL_read(ssl_of(tls), (char *)data + len, (int)most);
    if (n <= 0)
      return len ? (ssize_t)len : failure(ssl_of(tls), n);
    len += (size_t)n;
  }
  return (ssize_t)len;
}

ssize_t conn_tls_send(struct conn_tls *tls, const void *data, size_t len)
{
  size_t most = len < INT_MAX ? len : INT_MAX;
  ERR_clear_error();
  int n = SSL_write(ssl_of(tls), data, (int)most);
  return n > 0 ? n : failure(ssl_of(tls), n);
}
