#include "cli/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *tls_error(const char *otherwise)
{
  unsigned long code = ERR_peek_last_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  return reason ? reason : otherwise;
}

SSL_CTX *stream_tls_new(const struct stream_tls *tls, char why[240])
{
  static const unsigned char alpn[] = "\x08http/1.1";
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  const char *wrong = NULL, *file = "";
  ERR_clear_error();
  if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1) != 0)
    wrong = "TLS cannot be set up";
  if (!wrong) {
    SSL_CTX_set_verify(context, tls->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Servers that end without a close_notify are common; frames have ends of their own. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  }
  if (!wrong && tls->cafile && SSL_CTX_load_verify_file(context, (file = tls->cafile)) != 1)
    wrong = "no certificates can be read from it";
  if (!wrong && !tls->cafile && SSL_CTX_set_default_verify_paths(context) != 1)
    wrong = "the system's certificates cannot be read";
  if (!wrong && tls->cert && SSL_CTX_use_certificate_chain_file(context, (file = tls->cert)) != 1)
    wrong = "it holds no certificate";
  if (!wrong && tls->cert &&
      SSL_CTX_use_PrivateKey_file(context, (file = tls->key ? tls->key : tls->cert),
                                  SSL_FILETYPE_PEM) != 1)
    wrong = "it holds no private key that fits the certificate";
  if (!wrong)
    return context;
  snprintf(why, 240, "%s%s%s (%s)", file, *file ? ": " : "", wrong, tls_error("OpenSSL"));
  SSL_CTX_free(context);
  return NULL;
}

struct addrinfo *stream_resolve(const struct target *target, char why[240])
{
  struct addrinfo *addresses = NULL, hints = {.ai_socktype = SOCK_STREAM};
  int code = getaddrinfo(target->host, target->port, &hints, &addresses);
  if (code == 0)
    return addresses;
  snprintf(why, 240, "%s: %s", target->host,
           code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
  return NULL;
}

/* One address after the other, until one can at least be tried. */
static void connect_next(struct stream *stream)
{
  while (stream->next) {
    const struct addrinfo *a = stream->next;
    stream->next = a->ai_next;
    stream->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd >= 0) {
      int one = 1;
      setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (connect(stream->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) {
        stream->wants = POLLOUT;
        return;
      }
    }
    snprintf(stream->why, sizeof stream->why, "%s", strerror(errno));
    if (stream->fd >= 0)
      close(stream->fd);
    stream->fd = -1;
  }
}

void stream_begin(struct stream *stream, const struct target *target, SSL_CTX *context,
                  const struct addrinfo *addresses)
{
  *stream = (struct stream){.fd = -1, .target = target, .context = context, .next = addresses};
  connect_next(stream);
}

static bool is_address(const char *host)
{
  unsigned char bytes[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool begin_tls(struct stream *stream)
{
  const char *host = stream->target->host;
  stream->ssl = SSL_new(stream->context);
  if (!stream->ssl || SSL_set_fd(stream->ssl, stream->fd) != 1)
    return false;
  SSL_set_connect_state(stream->ssl);
  if (is_address(host))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream->ssl), host) == 1;
  return SSL_set1_host(stream->ssl, host) == 1 && SSL_set_tlsext_host_name(stream->ssl, host) == 1;
}

/* What OpenSSL says of a call that returned no success. */
static enum stream_result judge(struct stream *stream, int result)
{
  int saved = errno;
  int error = SSL_get_error(stream->ssl, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    stream->wants = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return STREAM_AGAIN;
  }
  if (error == SSL_ERROR_ZERO_RETURN)
    return STREAM_END;
  long verdict = SSL_get_verify_result(stream->ssl);
  if (!stream->open && verdict != X509_V_OK &&
      SSL_CTX_get_verify_mode(stream->context) != SSL_VERIFY_NONE)
    snprintf(
        stream->why, sizeof stream->why,
        "TLS: the server's certificate: %s; --cafile FILE names whom to trust, --insecure trusts "
        "anybody",
        X509_verify_cert_error_string(verdict));
  else if (error == SSL_ERROR_SYSCALL)
    snprintf(stream->why, sizeof stream->why, "TLS: %s",
             saved ? strerror(saved) : "the server ended the connection");
  else
    snprintf(stream->why, sizeof stream->why, "TLS: %s", tls_error("failed"));
  return STREAM_FAILED;
}

static enum stream_result finish_connect(struct stream *stream)
{
  while (stream->fd >= 0) {
    int error = 0;
    socklen_t len = sizeof error;
    struct pollfd ready = {.fd = stream->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 0) {
      stream->wants = POLLOUT;
      return STREAM_AGAIN;
    }
    getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error == 0) {
      stream->connected = true;
      return STREAM_GOOD;
    }
    snprintf(stream->why, sizeof stream->why, "%s", strerror(error));
    close(stream->fd);
    stream->fd = -1;
    connect_next(stream);
  }
  return STREAM_FAILED;
}

enum stream_result stream_turn(struct stream *stream)
{
  if (!stream->connected) {
    enum stream_result result = finish_connect(stream);
    if (result != STREAM_GOOD)
      return result;
    if (stream->target->tls && !begin_tls(stream)) {
      snprintf(stream->why, sizeof stream->why, "TLS: %s", tls_error("out of memory"));
      return STREAM_FAILED;
    }
  }
  if (stream->ssl && !stream->open) {
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(stream->ssl);
    if (result != 1) {
      enum stream_result verdict = judge(stream, result);
      if (verdict == STREAM_END) {
        snprintf(stream->why, sizeof stream->why, "TLS: the server ended the handshake");
        return STREAM_FAILED;
      }
      return verdict;
    }
  }
  stream->open = true;
  stream->wants = POLLIN;
  return STREAM_GOOD;
}

static enum stream_result judge_errno(struct stream *stream, short wants)
{
  if (errno == EAGAIN || errno == EINTR) {
    stream->wants = wants;
    return STREAM_AGAIN;
  }
  snprintf(stream->why, sizeof stream->why, "%s", strerror(errno));
  return STREAM_FAILED;
}

enum stream_result stream_read(struct stream *stream, char *out, size_t cap, size_t *got)
{
  stream->wants = POLLIN;
  if (stream->ssl) {
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(stream->ssl, out, cap, got);
    return result == 1 ? STREAM_GOOD : judge(stream, result);
  }
  ssize_t n = recv(stream->fd, out, cap, 0);
  if (n < 0)
    return judge_errno(stream, POLLIN);
  *got = (size_t)n;
  return n ? STREAM_GOOD : STREAM_END;
}

enum stream_result stream_write(struct stream *stream, const char *bytes, size_t len, size_t *put)
{
  stream->wants = POLLIN;
  if (stream->ssl) {
    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(stream->ssl, bytes, len, put);
    return result == 1 ? STREAM_GOOD : judge(stream, result);
  }
  ssize_t n = send(stream->fd, bytes, len, MSG_NOSIGNAL);
  if (n < 0)
    return judge_errno(stream, POLLOUT);
  *put = (size_t)n;
  return STREAM_GOOD;
}

void stream_close(struct stream *stream)
{
  if (stream->ssl && stream->open)
    SSL_shutdown(stream->ssl);
  SSL_free(stream->ssl);
  stream->ssl = NULL;
  if (stream->fd >= 0)
    close(stream->fd);
  stream->fd = -1;
}
