#include "signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const char *const all_algs[JWT_N_ALGS] = {"HS256", "HS384", "HS512", "RS256", "RS384",
                                          "RS512", "PS256", "PS384", "PS512", "ES256",
                                          "ES384", "ES512", "EdDSA"};

char *encode64(const void *data, size_t len)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const unsigned char *p = data;
  char *out = malloc(len / 3 * 4 + 5), *o = out;
  assert_non_null(out);
  for (size_t i = 0; i < len; i += 3) {
    size_t n = len - i < 3 ? len - i : 3;
    unsigned bits = (unsigned)p[i] << 16 | (n > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                    (n > 2 ? (unsigned)p[i + 2] : 0);
    for (size_t k = 0; k <= n; k++)
      *o++ = alphabet[bits >> (18 - 6 * k) & 63];
  }
  *o = '\0';
  return out;
}

static char *number64(EVP_PKEY *key, const char *param, int len)
{
  unsigned char bytes[1024];
  BIGNUM *bn = NULL;
  assert_int_equal(EVP_PKEY_get_bn_param(key, param, &bn), 1);
  if (len == 0)
    len = BN_num_bytes(bn);
  assert_int_equal(BN_bn2binpad(bn, bytes, len), len);
  BN_free(bn);
  return encode64(bytes, (size_t)len);
}

static int bits_of(const char *alg)
{
  return strcmp(alg, "EdDSA") == 0 ? 512 : atoi(alg + 2);
}

static int curve_bytes(const char *alg)
{
  int bits = bits_of(alg);
  return bits == 256 ? 32 : bits == 384 ? 48 : 66;
}

void signer_init(struct signer *s, const char *alg)
{
  memset(s, 0, sizeof *s);
  s->alg = alg;
  if (alg[0] == 'H') {
    assert_int_equal(RAND_bytes(s->secret, sizeof s->secret), 1);
    return;
  }
  char *a = NULL, *b = NULL;
  int rc = -1;
  if (strcmp(alg, "EdDSA") == 0) {
    unsigned char x[32];
    size_t len = sizeof x;
    s->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_int_equal(EVP_PKEY_get_raw_public_key(s->key, x, &len), 1);
    a = encode64(x, len);
    rc = asprintf(&s->jwk, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"", a);
  } else if (alg[0] == 'E') {
    int bits = bits_of(alg);
    s->key = EVP_EC_gen(bits == 256 ? "P-256" : bits == 384 ? "P-384" : "P-521");
    a = number64(s->key, OSSL_PKEY_PARAM_EC_PUB_X, curve_bytes(alg));
    b = number64(s->key, OSSL_PKEY_PARAM_EC_PUB_Y, curve_bytes(alg));
    rc = asprintf(&s->jwk, "\"kty\":\"EC\",\"crv\":\"P-%d\",\"x\":\"%s\",\"y\":\"%s\"",
                  bits == 512 ? 521 : bits, a, b);
  } else {
    s->key = EVP_RSA_gen(2048);
    a = number64(s->key, OSSL_PKEY_PARAM_RSA_N, 0);
    b = number64(s->key, OSSL_PKEY_PARAM_RSA_E, 0);
    rc = asprintf(&s->jwk, "\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"", a, b);
  }
  assert_non_null(s->key);
  assert_true(rc > 0);
  free(a);
  free(b);
}

void signer_fini(struct signer *s)
{
  EVP_PKEY_free(s->key);
  free(s->jwk);
  memset(s, 0, sizeof *s);
}

/* r and s side by side, each as long as the curve's numbers (RFC 7518, 3.4). */
static size_t raw_ecdsa(const char *alg, unsigned char *sig, size_t len)
{
  const unsigned char *p = sig;
  unsigned char raw[132];
  int n = curve_bytes(alg);
  ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &p, (long)len);
  assert_non_null(parsed);
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, n);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + n, n);
  ECDSA_SIG_free(parsed);
  memcpy(sig, raw, 2 * (size_t)n);
  return 2 * (size_t)n;
}

char *sign_raw(const struct signer *s, const char *header64, const char *payload64)
{
  char *input = NULL, *out = NULL;
  unsigned char sig[1024];
  size_t len = sizeof sig;
  char md[8];
  assert_true(asprintf(&input, "%s.%s", header64, payload64) > 0);
  snprintf(md, sizeof md, "SHA%d", bits_of(s->alg));
  if (s->key == NULL) {
    unsigned n = sizeof sig;
    assert_non_null(HMAC(EVP_get_digestbyname(md), s->secret, sizeof s->secret,
                         (const unsigned char *)input, strlen(input), sig, &n));
    len = n;
  } else {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, strcmp(s->alg, "EdDSA") == 0 ? NULL : md,
                                           NULL, NULL, s->key, NULL),
                     1);
    if (s->alg[0] == 'P') {
      assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
      assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const unsigned char *)input, strlen(input)),
                     1);
    EVP_MD_CTX_free(ctx);
    if (s->alg[0] == 'E' && s->alg[1] == 'S')
      len = raw_ecdsa(s->alg, sig, len);
  }
  char *sig64 = encode64(sig, len);
  assert_true(asprintf(&out, "%s.%s", input, sig64) > 0);
  free(sig64);
  free(input);
  return out;
}

char *sign_bytes(const struct signer *s, const char *header, const void *payload, size_t len)
{
  char *header64 = encode64(header, strlen(header)), *payload64 = encode64(payload, len);
  char *out = sign_raw(s, header64, payload64);
  free(header64);
  free(payload64);
  return out;
}

char *sign(const struct signer *s, const char *header, const char *claims)
{
  return sign_bytes(s, header, claims, strlen(claims));
}

char *sign_claims(const struct signer *s, const char *claims)
{
  char header[64];
  snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k1\"}", s->alg);
  return sign(s, header, claims);
}

char *signer_jwk(const struct signer *s, const char *kid, const char *more)
{
  char *out = NULL;
  assert_non_null(s->jwk);
  int rc = asprintf(&out, "{%s%s%s%s%s%s}", s->jwk, kid != NULL ? ",\"kid\":\"" : "",
                    kid != NULL ? kid : "", kid != NULL ? "\"" : "", more != NULL ? "," : "",
                    more != NULL ? more : "");
  assert_true(rc > 0);
  return out;
}

struct jwt_keyset *signer_keys(const struct signer *s, const char *kid, const char *more)
{
  struct jwt_keyset *set = jwt_keyset_new();
  assert_non_null(set);
  if (s->key == NULL) {
    struct jwt_key key;
    assert_true(jwt_key_from_secret(&key, s->secret, sizeof s->secret));
    assert_true(jwt_keyset_take(set, &key));
    return set;
  }
  char *jwk = signer_jwk(s, kid, more), *text = NULL, why[240];
  int line;
  assert_true(asprintf(&text, "{\"keys\":[%s]}", jwk) > 0);
  if (!jwt_keyset_add_jwks(set, jwt_str(text), why, &line))
    fail_msg("%s: %s", why, text);
  free(jwk);
  free(text);
  return set;
}

void policy_init(struct jwt_policy *policy)
{
  char why[160];
  memset(policy, 0, sizeof *policy);
  policy->max_token = 16384;
  policy->algs = JWT_ALGS_ALL;
  policy->leeway_s = 60;
  policy->allow_no_expiry = true;
  assert_true(jwt_paths_parse(&policy->user, jwt_str("sub"), why));
}
