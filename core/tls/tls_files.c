#include "tls/tls_files.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <plugboard/secret.h>

#include "whole_file.h"

#define FILE_MAX_BYTES (1u << 20)
#define WARN_DAYS      14

const char *tls_files_reason(void)
{
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason ? reason : "OpenSSL does not say why";
}

__attribute__((format(printf, 3, 4))) static bool fail(char why[TLS_WHY_MAX], const char *path,
                                                       const char *format, ...)
{
  int n = snprintf(why, TLS_WHY_MAX, "%.150s: ", path);
  va_list args;
  va_start(args, format);
  if (n > 0 && n < TLS_WHY_MAX)
    vsnprintf(why + n, (size_t)(TLS_WHY_MAX - n), format, args);
  va_end(args);
  return false;
}

/* A file in memory, as what OpenSSL reads from. */
struct content {
  char *text;
  size_t len;
  BIO *bio;
};

static bool content_read(struct content *content, const char *path, bool *others_read,
                         char why[TLS_WHY_MAX])
{
  char what[240];
  content->bio = NULL;
  content->text = whole_file_read(path, FILE_MAX_BYTES, &content->len, others_read, what);
  if (!content->text)
    return fail(why, path, "%s", what);
  ERR_clear_error();
  content->bio = BIO_new_mem_buf(content->text, (int)content->len);
  if (content->bio)
    return true;
  free(content->text);
  content->text = NULL;
  return fail(why, path, "out of memory");
}

static void content_free(struct content *content)
{
  BIO_free(content->bio);
  if (content->text)
    plug_secret_wipe(content->text, content->len);
  free(content->text);
}

/* Nobody is there to be asked; without this OpenSSL would ask at the terminal, and wait. */
static int no_password(char *buf, int size, int writes, void *ctx)
{
  (void)buf;
  (void)size;
  (void)writes;
  if (ctx)
    *(bool *)ctx = true;
  return -1;
}

/* Has reading ended because there is nothing more, rather than for something broken? */
static bool is_at_end(void)
{
  unsigned long error = ERR_peek_last_error();
  bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (end)
    ERR_clear_error();
  return end;
}

static bool use_chain(SSL_CTX *ctx, const char *path, char why[TLS_WHY_MAX])
{
  struct content content;
  if (!content_read(&content, path, NULL, why))
    return false;
  X509 *leaf = PEM_read_bio_X509_AUX(content.bio, NULL, no_password, NULL), *next = NULL;
  bool well = leaf != NULL;
  if (!leaf && is_at_end())
    fail(why, path, "there is no certificate in it (PEM)");
  else if (!leaf || SSL_CTX_use_certificate(ctx, leaf) != 1)
    well = fail(why, path, "cannot use the certificate: %s", tls_files_reason());
  while (well && (next = PEM_read_bio_X509(content.bio, NULL, no_password, NULL)))
    if (SSL_CTX_add0_chain_cert(ctx, next) != 1) { /* which takes it over */
      X509_free(next);
      well = fail(why, path, "cannot use the chain: %s", tls_files_reason());
    }
  if (well && !is_at_end())
    well = fail(why, path, "cannot read the chain: %s", tls_files_reason());
  X509_free(leaf);
  content_free(&content);
  return well;
}

static bool use_key(SSL_CTX *ctx, const char *path, const char *chain_path, bool *others_read,
                    char why[TLS_WHY_MAX])
{
  struct content content;
  bool sealed = false;
  *others_read = false;
  if (!content_read(&content, path, others_read, why))
    return false;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(content.bio, NULL, no_password, &sealed);
  bool well = true;
  if (!key && sealed)
    well = fail(why, path,
                "the key has a password, and nobody is there to be asked for it: "
                "openssl pkey takes it off");
  else if (!key)
    well = fail(why, path, "there is no private key in it (PEM)");
  else if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
    well = fail(why, path, "the key does not belong to the certificate in %.150s", chain_path);
  else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
    well = fail(why, path, "cannot use the key: %s", tls_files_reason());
  ERR_clear_error();
  EVP_PKEY_free(key);
  content_free(&content);
  return well;
}

bool tls_files_use(SSL_CTX *ctx, const char *chain_path, const char *key_path, bool *others_read,
                   char why[TLS_WHY_MAX])
{
  return use_chain(ctx, chain_path, why) && use_key(ctx, key_path, chain_path, others_read, why);
}

bool tls_files_use_authorities(SSL_CTX *ctx, const char *path, unsigned char digest[32],
                               char why[TLS_WHY_MAX])
{
  struct content content;
  if (!content_read(&content, path, NULL, why))
    return false;
  X509_STORE *store = SSL_CTX_get_cert_store(ctx);
  X509 *authority;
  size_t n = 0;
  bool well = EVP_Digest(content.text, content.len, digest, NULL, EVP_sha256(), NULL) == 1;
  while (well && (authority = PEM_read_bio_X509(content.bio, NULL, no_password, NULL))) {
    well = X509_STORE_add_cert(store, authority) == 1 && SSL_CTX_add_client_CA(ctx, authority) == 1;
    X509_free(authority);
    n++;
  }
  if (!well || !is_at_end())
    well = fail(why, path, "cannot use the certificates: %s", tls_files_reason());
  else if (!n)
    well = fail(why, path, "there is no certificate in it (PEM)");
  content_free(&content);
  return well;
}

/* --- OCSP --------------------------------------------------------------------------------- */

static long long unix_time(const ASN1_TIME *time)
{
  struct tm tm;
  return time && ASN1_TIME_to_tm(time, &tm) == 1 ? (long long)timegm(&tm) : 0;
}

/* The answer's entry that is about the certificate, by its number: the authority puts one or a few
 * into it, and the client checks the rest. */
static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, const X509 *certificate)
{
  for (int i = 0; i < OCSP_resp_count(basic); i++) {
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
    ASN1_INTEGER *serial = NULL;
    OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
    if (OCSP_id_get0_info(NULL, NULL, NULL, &serial, id) == 1 &&
        ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0)
      return single;
  }
  return NULL;
}

bool tls_files_read_ocsp(SSL_CTX *ctx, const char *path, struct tls_ocsp *out,
                         char why[TLS_WHY_MAX])
{
  struct content content;
  if (!content_read(&content, path, NULL, why))
    return false;
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE_bio(content.bio, NULL);
  OCSP_BASICRESP *basic = response ? OCSP_response_get1_basic(response) : NULL;
  OCSP_SINGLERESP *single = basic ? find_single(basic, SSL_CTX_get0_certificate(ctx)) : NULL;
  ASN1_GENERALIZEDTIME *next = NULL;
  bool well = true;
  *out = (struct tls_ocsp){0};
  if (!response)
    well = fail(why, path, "is no OCSP response in DER");
  else if (!basic)
    well = fail(why, path, "says: %s", OCSP_response_status_str(OCSP_response_status(response)));
  else if (!single)
    well = fail(why, path, "is not about this certificate");
  else if (OCSP_single_get0_status(single, NULL, NULL, NULL, &next) != V_OCSP_CERTSTATUS_GOOD)
    well = fail(why, path, "does not say that the certificate is good");
  else if (next && (out->expires_s = unix_time(next)) <= (long long)time(NULL))
    well = fail(why, path, "has expired");
  else if ((out->len = i2d_OCSP_RESPONSE(response, &out->der)) <= 0)
    well = fail(why, path, "cannot be used: %s", tls_files_reason());
  ERR_clear_error();
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  content_free(&content);
  return well;
}

/* --- time --------------------------------------------------------------------------------- */

static void date_of(const ASN1_TIME *time, char out[32])
{
  struct tm tm;
  if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
    strcpy(out, "?");
}

long long tls_files_end(const X509 *certificate)
{
  return unix_time(X509_get0_notAfter(certificate));
}

void tls_files_remark_time(const X509 *certificate, char remark[TLS_WHY_MAX])
{
  const ASN1_TIME *from = X509_get0_notBefore(certificate), *to = X509_get0_notAfter(certificate);
  time_t soon = time(NULL) + WARN_DAYS * 86400;
  char date[32];
  remark[0] = '\0';
  if (X509_cmp_current_time(to) < 0) {
    date_of(to, date);
    snprintf(remark, TLS_WHY_MAX, "has expired on %s", date);
  } else if (X509_cmp_current_time(from) > 0) {
    date_of(from, date);
    snprintf(remark, TLS_WHY_MAX, "is not good before %s", date);
  } else if (X509_cmp_time(to, &soon) < 0) {
    date_of(to, date);
    snprintf(remark, TLS_WHY_MAX, "expires on %s", date);
  }
}
