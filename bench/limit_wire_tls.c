#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "limit_wire.h"

static SSL_CTX *context;
static SSL **tls; /* by descriptor */

bool wire_start(size_t n_descriptors, char *const files[2])
{
  context = SSL_CTX_new(TLS_server_method());
  tls = calloc(n_descriptors, sizeof(SSL *));
  if (!context || !tls)
    return false;
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1 &&
      SSL_CTX_use_certificate_chain_file(context, files[0]) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, files[1], SSL_FILETYPE_PEM) == 1)
    return true;
  ERR_print_errors_fp(stderr);
  return false;
}

void wire_stop(void)
{
  free(tls);
  SSL_CTX_free(context);
}

void wire_accepted(int fd)
{
  tls[fd] = SSL_new(context);
  if (!tls[fd] || SSL_set_fd(tls[fd], fd) != 1)
    abort();
  SSL_set_accept_state(tls[fd]);
}

/* -1 with an errno as a socket would have it, 0 for an end. */
static ssize_t failure(SSL *ssl, int result)
{
  int error = SSL_get_error(ssl, result);
  if (error == SSL_ERROR_ZERO_RETURN)
    return 0;
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
  return -1;
}

/* All that is there: what OpenSSL holds back would cause no event. */
ssize_t wire_recv(int fd, void *data, size_t cap)
{
  size_t len = 0;
  while (len < cap) {
    size_t most = cap - len < INT_MAX ? cap - len : INT_MAX;
    ERR_clear_error();
    int n = SSL_read(tls[fd], (char *)data + len, (int)most);
    if (n <= 0)
      return len ? (ssize_t)len : failure(tls[fd], n);
    len += (size_t)n;
  }
  return (ssize_t)len;
}

ssize_t wire_send(int fd, const void *data, size_t len)
{
  size_t done = 0;
  while (done < len) { /* a record at a time */
    size_t most = len - done < INT_MAX ? len - done : INT_MAX;
    ERR_clear_error();
    int n = SSL_write(tls[fd], (const char *)data + done, (int)most);
    if (n <= 0)
      return done ? (ssize_t)done : failure(tls[fd], n);
    done += (size_t)n;
  }
  return (ssize_t)done;
}

void wire_close(int fd)
{
  SSL_free(tls[fd]);
  tls[fd] = NULL;
  close(fd);
}

bool wire_post(int fd, const char *data, size_t len, wire_done *done)
{
  (void)fd;
  (void)done;
  (void)data;
  (void)len;
  return false;
}

void wire_post_end(wire_done *done)
{
  (void)done;
}
