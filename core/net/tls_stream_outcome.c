#include "net/tls_stream_inner.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"

#define REKEY_S 60u

enum tls_step tls_stream_judge_failure(struct tls_stream *stream, const char **why)
{
  unsigned long error = ERR_peek_error();
  int reason = ERR_GET_REASON(error);
  bool of_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
  const char *text = ERR_reason_error_string(error);
  *why = stream->ended ? NULL : text ? text : "OpenSSL does not say why";
  stream->broken = true;
  return of_ssl && (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST)
             ? TLS_PLAIN
             : TLS_FAILED;
}

/* The client has changed its keys, or wants to negotiate anew: either costs it less than us. */
static void note_rekey(struct tls_stream *stream)
{
  static struct log_limit limit;
  uint64_t held;
  uint32_t now_s = (uint32_t)(clock_now_ms() / 1000);
  COUNT(tls_rekeys);
  if (now_s - stream->rekeys_s >= REKEY_S) {
    stream->rekeys_s = now_s;
    stream->n_rekeys = 0;
  }
  if (++stream->n_rekeys <= stream->max_rekeys || stream->broken)
    return;
  stream->broken = true;
  COUNT(closed_rekeys);
  if (log_limit_pass(&limit, 10000, &held))
    log_warn("tls", "a client changes its keys more often than [tls] max-rekeys allows");
}

static void on_message(int outgoing, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *arg)
{
  const unsigned char *message = bytes;
  (void)version;
  (void)ssl;
  if ((!outgoing && type == SSL3_RT_HANDSHAKE && len && message[0] == SSL3_MT_KEY_UPDATE) ||
      (outgoing && type == SSL3_RT_ALERT && len == 2 && message[1] == SSL_AD_NO_RENEGOTIATION))
    note_rekey(arg);
}

/* Whether a ticket is worth its price for the next handshake: one that costs more than ours does,
 * or a client that does come with tickets. */
static bool ticket_pays(SSL *ssl)
{
  const EVP_PKEY *key = SSL_get_privatekey(ssl);
  return SSL_session_reused(ssl) == 1 || SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE || !key ||
         !EVP_PKEY_is_a(key, "EC");
}

/* OpenSSL keeps the keys that the handshake has made for it as long as the connection. They are of
 * no use from here on but to whoever wants to read what was recorded. */
static void forget_ephemeral(SSL *ssl)
{
  EVP_PKEY *keys[2] = {NULL, NULL};
  (void)SSL_get_tmp_key(ssl, &keys[0]);
  (void)SSL_get_peer_tmp_key(ssl, &keys[1]);
  for (int i = 0; i < 2; i++) {
    if (keys[i])
      (void)EVP_PKEY_set_type(keys[i], EVP_PKEY_X25519); /* frees what it had */
    EVP_PKEY_free(keys[i]);
  }
}

bool tls_stream_finish_handshake(struct tls_stream *stream, struct plug_str ahead)
{
  SSL *ssl = stream->ssl;
  SSL_set_msg_callback(ssl, on_message);
  SSL_set_msg_callback_arg(ssl, stream);
  if (SSL_version(ssl) >= TLS1_3_VERSION) {
    forget_ephemeral(ssl);
    if (!(SSL_get_options(ssl) & SSL_OP_NO_TICKET))
      stream->ticket = ticket_pays(ssl) ? TICKET_DUE : TICKET_CAN_WAIT;
  }
  if (!ahead.len)
    return true;
  stream->ahead = malloc(ahead.len);
  if (!stream->ahead)
    return false;
  memcpy(stream->ahead, ahead.ptr, ahead.len);
  stream->ahead_len = (uint32_t)ahead.len;
  return true;
}

bool tls_stream_was_resumed(const struct tls_stream *stream)
{
  return SSL_session_reused(stream->ssl) == 1;
}

size_t tls_stream_subject(const struct tls_stream *stream, char out[TLS_SUBJECT_MAX])
{
  const X509 *certificate = SSL_get0_peer_certificate(stream->ssl);
  BIO *bio =
      certificate && SSL_get_verify_result(stream->ssl) == X509_V_OK ? BIO_new(BIO_s_mem()) : NULL;
  char *text;
  size_t n = 0;
  if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
    long len = BIO_get_mem_data(bio, &text);
    if (len > 0 && len <= TLS_SUBJECT_MAX) {
      n = (size_t)len;
      memcpy(out, text, n);
    }
  }
  BIO_free(bio);
  ERR_clear_error();
  return n;
}
