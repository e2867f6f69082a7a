#include "cli/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { HMAC_SHA, RSA_PKCS1, RSA_PSS, ECDSA, EDDSA };

/* RFC 7518 3.1, RFC 8037 3.1 */
struct alg {
  const char *name;
  enum kind kind;
  const EVP_MD *(*digest)(void);
  const char *group; /* of ECDSA: the curve, as OpenSSL calls it */
  size_t half;       /* ... and the bytes of each half of a signature */
};

static const struct alg algs[] = {
    {"HS256", HMAC_SHA, EVP_sha256, NULL, 0},
    {"HS384", HMAC_SHA, EVP_sha384, NULL, 0},
    {"HS512", HMAC_SHA, EVP_sha512, NULL, 0},
    {"RS256", RSA_PKCS1, EVP_sha256, NULL, 0},
    {"RS384", RSA_PKCS1, EVP_sha384, NULL, 0},
    {"RS512", RSA_PKCS1, EVP_sha512, NULL, 0},
    {"PS256", RSA_PSS, EVP_sha256, NULL, 0},
    {"PS384", RSA_PSS, EVP_sha384, NULL, 0},
    {"PS512", RSA_PSS, EVP_sha512, NULL, 0},
    {"ES256", ECDSA, EVP_sha256, "prime256v1", 32},
    {"ES384", ECDSA, EVP_sha384, "secp384r1", 48},
    {"ES512", ECDSA, EVP_sha512, "secp521r1", 66},
    {"EdDSA", EDDSA, NULL, NULL, 0},
};

/* RFC 7515 2: the URL alphabet without padding. */
static void put_base64url(struct buf *out, const void *bytes, size_t len)
{
  size_t room = len / 3 * 4 + 5;
  if (!buf_reserve(out, room))
    return;
  char *at = out->data + out->len;
  int n = EVP_EncodeBlock((unsigned char *)at, bytes, (int)len);
  while (n > 0 && at[n - 1] == '=')
    n--;
  for (int i = 0; i < n; i++)
    at[i] = at[i] == '+' ? '-' : at[i] == '/' ? '_' : at[i];
  out->len += (size_t)n;
}

static bool put_json(struct buf *out, const json_t *json)
{
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  if (text)
    put_base64url(out, text, strlen(text));
  free(text);
  return text != NULL;
}

static bool has_group(const EVP_PKEY *key, const char *group)
{
  char name[64];
  size_t len;
  return EVP_PKEY_get_group_name(key, name, sizeof name, &len) == 1 && strcmp(name, group) == 0;
}

static bool fits(const struct alg *alg, const EVP_PKEY *key)
{
  switch (alg->kind) {
  case HMAC_SHA:
    return !key;
  case RSA_PKCS1:
  case RSA_PSS:
    return key && EVP_PKEY_is_a(key, "RSA");
  case ECDSA:
    return key && EVP_PKEY_is_a(key, "EC") && has_group(key, alg->group);
  case EDDSA:
    return key && EVP_PKEY_is_a(key, "ED25519");
  }
  return false;
}

/* The one asked for, or the first that the key (NULL: a secret) is for. */
static const struct alg *choose(const char *name, const EVP_PKEY *key, char why[240])
{
  bool known = false;
  for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
    bool meant = !name || strcmp(algs[i].name, name) == 0;
    known = known || meant;
    if (meant && fits(&algs[i], key))
      return &algs[i];
  }
  if (!known)
    snprintf(why, 240, "there is no algorithm '%s'", name);
  else
    snprintf(why, 240, "%s%s no algorithm fits the %s", name ? name : "",
             name ? " does not fit;" : "",
             key ? "key: RSA, EC on P-256, P-384 or P-521, and Ed25519 are known" : "secret");
  return NULL;
}

/* ECDSA signatures are two numbers of fixed length, not DER (RFC 7518 3.4). */
static bool put_halves(struct buf *out, const unsigned char *der, size_t len, size_t half)
{
  unsigned char halves[2 * 66];
  ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
  bool good = signature &&
              BN_bn2binpad(ECDSA_SIG_get0_r(signature), halves, (int)half) == (int)half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(signature), halves + half, (int)half) == (int)half;
  if (good)
    put_base64url(out, halves, 2 * half);
  ECDSA_SIG_free(signature);
  return good;
}

static bool set_padding(const struct alg *alg, EVP_PKEY_CTX *ctx)
{
  return alg->kind != RSA_PSS ||
         (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static bool put_signature(struct buf *out, const struct alg *alg, EVP_PKEY *key,
                          struct plug_str secret, struct plug_str text)
{
  unsigned char hmac[EVP_MAX_MD_SIZE], *bytes = NULL;
  unsigned hmac_len;
  size_t len = 0;
  const unsigned char *signed_text = (const unsigned char *)text.ptr;
  if (alg->kind == HMAC_SHA) {
    if (!HMAC(alg->digest(), secret.ptr, (int)secret.len, signed_text, text.len, hmac, &hmac_len))
      return false;
    put_base64url(out, hmac, hmac_len);
    return true;
  }
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *key_ctx = NULL; /* the context's */
  bool good =
      ctx &&
      EVP_DigestSignInit(ctx, &key_ctx, alg->digest ? alg->digest() : NULL, NULL, key) == 1 &&
      set_padding(alg, key_ctx) && EVP_DigestSign(ctx, NULL, &len, signed_text, text.len) == 1 &&
      (bytes = malloc(len)) != NULL && EVP_DigestSign(ctx, bytes, &len, signed_text, text.len) == 1;
  if (good && alg->kind == ECDSA)
    good = put_halves(out, bytes, len, alg->half);
  else if (good)
    put_base64url(out, bytes, len);
  free(bytes);
  EVP_MD_CTX_free(ctx);
  return good;
}

static EVP_PKEY *read_key(struct plug_str pem)
{
  BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
  BIO_free(bio);
  return key;
}

bool jwt_make(struct buf *out, const struct jwt_signing *signing, const json_t *claims,
              char why[240])
{
  EVP_PKEY *key = NULL;
  bool good = false;
  if (signing->pem.len && !(key = read_key(signing->pem))) {
    snprintf(why, 240, "it holds no private key in PEM that can be read without a password");
    return false;
  }
  const struct alg *alg = choose(signing->alg, key, why);
  if (alg) {
    json_t *header =
        json_pack("{s:s, s:s, s:s*}", "alg", alg->name, "typ", "JWT", "kid", signing->kid);
    size_t start = out->len;
    good = put_json(out, header);
    buf_put_char(out, '.');
    good = good && put_json(out, claims);
    struct buf text = {0};
    buf_put(&text, out->data + start, out->len - start);
    buf_put_char(out, '.');
    good = good && !text.failed &&
           put_signature(out, alg, key, signing->secret, str_from(text.data, text.len)) &&
           !out->failed;
    buf_free(&text);
    json_decref(header);
    if (!good)
      snprintf(why, 240, "the token cannot be signed");
  }
  EVP_PKEY_free(key);
  return good;
}
