#include "jwt_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "jwt_evp.h"
#include "jwt_text.h"
#include "strict_json.h"

enum { MAX_NUMBER = JWT_MAX_RSA_BITS / 8, MAX_KID = 4096 };

static const struct curve {
  const char *name, *group; /* in JWK and in OpenSSL */
  enum jwt_kind kind;
  cjose_jwk_ec_curve id;
  size_t bytes;
} curves[] = {
    {"P-256", "prime256v1", JWT_P256, CJOSE_JWK_EC_P_256, 32},
    {"P-384", "secp384r1", JWT_P384, CJOSE_JWK_EC_P_384, 48},
    {"P-521", "secp521r1", JWT_P521, CJOSE_JWK_EC_P_521, 66},
};
enum { N_CURVES = sizeof curves / sizeof *curves };

static bool refuse(char why[160], const char *text)
{
  snprintf(why, 160, "%s", text);
  return false;
}

/* a and b stand for it: numbers of one kind of key only, and of a kind's length but for a. */
static bool set_print(struct jwt_key *key, const unsigned char *a, size_t a_len,
                      const unsigned char *b, size_t b_len, char why[160])
{
  unsigned char head[] = {(unsigned char)key->kind, (unsigned char)(a_len >> 8),
                          (unsigned char)a_len};
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  key->has_print = ctx != NULL && EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(ctx, head, sizeof head) == 1 &&
                   EVP_DigestUpdate(ctx, a, a_len) == 1 && EVP_DigestUpdate(ctx, b, b_len) == 1 &&
                   EVP_DigestFinal_ex(ctx, key->print, NULL) == 1;
  EVP_MD_CTX_free(ctx);
  return key->has_print || refuse(why, "a key that OpenSSL cannot hash");
}

static bool set_rsa(struct jwt_key *key, unsigned char *n, size_t n_len, unsigned char *e,
                    size_t e_len, char why[160])
{
  while (n_len > 0 && *n == 0) {
    n++;
    n_len--;
  }
  if (n_len < JWT_MIN_RSA_BITS / 8 || (n_len == JWT_MIN_RSA_BITS / 8 && *n < 0x80))
    return refuse(why, "an RSA key of less than 2048 bits");
  if (n_len > MAX_NUMBER)
    return refuse(why, "an RSA key of more than 8192 bits");
  while (e_len > 0 && *e == 0) {
    e++;
    e_len--;
  }
  /* An even exponent is none, 1 would make every text its own signature, a long one is slow. */
  if (e_len == 0 || e_len > 8 || (e[e_len - 1] & 1) == 0 || (e_len == 1 && *e == 1) ||
      (n[n_len - 1] & 1) == 0)
    return refuse(why, "an RSA key with impossible numbers");
  key->evp = jwt_evp_rsa(n, n_len, e, e_len);
  key->kind = JWT_RSA;
  key->rsa_bytes = n_len;
  key->algs = jwt_kind_algs(JWT_RSA);
  if (key->evp == NULL)
    return refuse(why, "an RSA key that OpenSSL refuses");
  return set_print(key, n, n_len, e, e_len, why);
}

static bool set_ec(struct jwt_key *key, const struct curve *curve, unsigned char *x,
                   unsigned char *y, char why[160])
{
  cjose_err err;
  cjose_jwk_ec_keyspec spec = {
      .crv = curve->id, .x = x, .xlen = curve->bytes, .y = y, .ylen = curve->bytes};
  key->jwk = cjose_jwk_create_EC_spec(&spec, &err);
  key->kind = curve->kind;
  key->algs = jwt_kind_algs(curve->kind);
  if (key->jwk == NULL)
    return refuse(why, "an EC key whose point is not on its curve");
  return set_print(key, x, curve->bytes, y, curve->bytes, why);
}

static bool set_ed25519(struct jwt_key *key, const unsigned char *x, char why[160])
{
  key->evp = jwt_evp_ed25519(x);
  key->kind = JWT_ED25519;
  key->algs = jwt_kind_algs(JWT_ED25519);
  if (key->evp == NULL)
    return refuse(why, "an Ed25519 key that OpenSSL refuses");
  return set_print(key, x, JWT_ED25519_KEY, x, 0, why);
}

/* A base64url member; out holds MAX_NUMBER + 8 bytes. */
static bool number(const json_t *jwk, const char *name, unsigned char *out, size_t *len,
                   char why[160])
{
  struct plug_str text = strict_json_str(jwk, name);
  if (text.ptr == NULL || text.len == 0)
    snprintf(why, 160, "a key without \"%s\"", name);
  else if (text.len > (MAX_NUMBER + 1) / 3 * 4)
    snprintf(why, 160, "a key whose \"%s\" is too long", name);
  else if (!base64url_decode(text, out, len))
    snprintf(why, 160, "a key whose \"%s\" is not base64url", name);
  else
    return true;
  return false;
}

static bool from_jwk_ec(struct jwt_key *key, const json_t *jwk, char why[160])
{
  unsigned char x[MAX_NUMBER + 8], y[MAX_NUMBER + 8];
  size_t x_len, y_len;
  struct plug_str crv = strict_json_str(jwk, "crv");
  for (size_t i = 0; i < N_CURVES; i++) {
    if (crv.ptr == NULL || !jwt_str_is(crv, curves[i].name))
      continue;
    if (!number(jwk, "x", x, &x_len, why) || !number(jwk, "y", y, &y_len, why))
      return false;
    if (x_len != curves[i].bytes || y_len != curves[i].bytes)
      return refuse(why, "an EC key whose coordinates have not the length of its curve");
    return set_ec(key, &curves[i], x, y, why);
  }
  return refuse(why, "an EC key on a curve that is not P-256, P-384 or P-521");
}

static bool from_jwk_okp(struct jwt_key *key, const json_t *jwk, char why[160])
{
  unsigned char x[MAX_NUMBER + 8];
  size_t len;
  if (!jwt_str_is(strict_json_str(jwk, "crv"), "Ed25519"))
    return refuse(why, "an OKP key that is not Ed25519");
  if (!number(jwk, "x", x, &len, why))
    return false;
  if (len != JWT_ED25519_KEY)
    return refuse(why, "an Ed25519 key that has not 32 bytes");
  return set_ed25519(key, x, why);
}

static bool from_jwk_rsa(struct jwt_key *key, const json_t *jwk, char why[160])
{
  unsigned char n[MAX_NUMBER + 8], e[MAX_NUMBER + 8];
  size_t n_len, e_len;
  return number(jwk, "n", n, &n_len, why) && number(jwk, "e", e, &e_len, why) &&
         set_rsa(key, n, n_len, e, e_len, why);
}

/* A use that is not "sig", or key_ops without "verify", is a key for something else. */
static bool is_for_signatures(const json_t *jwk)
{
  const json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops"), *op;
  size_t i;
  if (use != NULL && !(json_is_string(use) && jwt_str_is(strict_json_value_str(use), "sig")))
    return false;
  if (ops == NULL)
    return true;
  json_array_foreach((json_t *)(uintptr_t)ops, i, op)
  {
    struct plug_str name = strict_json_value_str(op);
    if (name.ptr != NULL && jwt_str_is(name, "verify"))
      return true;
  }
  return false;
}

/* What the key's own "alg" leaves of its algorithms. */
static bool narrow_algs(struct jwt_key *key, const json_t *jwk, char why[160])
{
  const json_t *value = json_object_get(jwk, "alg");
  enum jwt_alg alg;
  if (value == NULL)
    return true;
  struct plug_str name = strict_json_value_str(value);
  if (name.ptr == NULL || !jwt_alg_find(name, &alg))
    return refuse(why, "a key for another algorithm");
  if ((key->algs & JWT_ALG_BIT(alg)) == 0)
    return refuse(why, "a key whose \"alg\" does not fit its \"kty\"");
  key->algs = JWT_ALG_BIT(alg);
  return true;
}

static bool set_kid(struct jwt_key *key, const json_t *jwk, char why[160])
{
  const json_t *value = json_object_get(jwk, "kid");
  if (value == NULL)
    return true;
  struct plug_str kid = strict_json_value_str(value);
  if (kid.ptr == NULL || kid.len > MAX_KID)
    return refuse(why, "a key whose \"kid\" is no string, or too long");
  key->kid = malloc(kid.len + 1);
  if (key->kid == NULL)
    return refuse(why, "out of memory");
  memcpy(key->kid, kid.ptr, kid.len);
  key->kid_len = kid.len;
  return true;
}

bool jwt_key_from_jwk(struct jwt_key *key, const json_t *jwk, char why[160])
{
  memset(key, 0, sizeof *key);
  if (!json_is_object(jwk))
    return refuse(why, "something that is not an object");
  struct plug_str kty = strict_json_str(jwk, "kty");
  bool good;
  if (kty.ptr == NULL)
    return refuse(why, "a key without \"kty\"");
  if (!is_for_signatures(jwk))
    return refuse(why, "a key that is not for signatures");
  if (jwt_str_is(kty, "RSA"))
    good = from_jwk_rsa(key, jwk, why);
  else if (jwt_str_is(kty, "EC"))
    good = from_jwk_ec(key, jwk, why);
  else if (jwt_str_is(kty, "OKP"))
    good = from_jwk_okp(key, jwk, why);
  else /* "oct" too: whoever can read the set could sign with it */
    return refuse(why, "a key of a kind that is not used here");
  good = good && narrow_algs(key, jwk, why) && set_kid(key, jwk, why);
  if (!good) {
    ERR_clear_error();
    jwt_key_fini(key);
  }
  return good;
}

bool jwt_key_from_secret(struct jwt_key *key, const unsigned char *secret, size_t len)
{
  cjose_err err;
  memset(key, 0, sizeof *key);
  key->jwk = cjose_jwk_create_oct_spec(secret, len, &err);
  key->kind = JWT_SECRET;
  key->algs = JWT_ALGS_HS;
  return key->jwk != NULL;
}

/* A number of a public key in big-endian bytes, at least min_len of them. */
static size_t param_number(EVP_PKEY *pkey, const char *param, unsigned char *out, size_t min_len)
{
  BIGNUM *bn = NULL;
  size_t len = 0;
  if (EVP_PKEY_get_bn_param(pkey, param, &bn) == 1 && BN_num_bytes(bn) <= MAX_NUMBER) {
    len = (size_t)BN_num_bytes(bn);
    if (len < min_len)
      len = min_len;
    BN_bn2binpad(bn, out, (int)len);
  }
  BN_free(bn);
  return len;
}

static bool from_public_ec(struct jwt_key *key, EVP_PKEY *pkey, char why[160])
{
  unsigned char x[MAX_NUMBER + 8], y[MAX_NUMBER + 8];
  char group[64] = "";
  EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL);
  for (size_t i = 0; i < N_CURVES; i++) {
    const struct curve *c = &curves[i];
    if (strcmp(group, c->group) != 0)
      continue;
    if (param_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, x, c->bytes) != c->bytes ||
        param_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, y, c->bytes) != c->bytes)
      return refuse(why, "an EC key without a point");
    return set_ec(key, c, x, y, why);
  }
  return refuse(why, "an EC key on a curve that is not P-256, P-384 or P-521");
}

bool jwt_key_from_public(struct jwt_key *key, EVP_PKEY *pkey, char why[160])
{
  unsigned char n[MAX_NUMBER + 8], e[MAX_NUMBER + 8];
  size_t len = JWT_ED25519_KEY;
  bool good;
  memset(key, 0, sizeof *key);
  switch (EVP_PKEY_get_base_id(pkey)) {
  case EVP_PKEY_RSA:
    if (EVP_PKEY_get_bits(pkey) > JWT_MAX_RSA_BITS) {
      good = refuse(why, "an RSA key of more than 8192 bits");
    } else {
      size_t n_len = param_number(pkey, OSSL_PKEY_PARAM_RSA_N, n, 0);
      size_t e_len = param_number(pkey, OSSL_PKEY_PARAM_RSA_E, e, 0);
      good = set_rsa(key, n, n_len, e, e_len, why);
    }
    break;
  case EVP_PKEY_EC:
    good = from_public_ec(key, pkey, why);
    break;
  case EVP_PKEY_ED25519:
    good = EVP_PKEY_get_raw_public_key(pkey, n, &len) == 1 && set_ed25519(key, n, why);
    break;
  default:
    good = refuse(why, "a key that is not RSA, EC or Ed25519");
    break;
  }
  if (!good) {
    ERR_clear_error();
    jwt_key_fini(key);
  }
  return good;
}

void jwt_key_fini(struct jwt_key *key)
{
  if (key->jwk != NULL)
    cjose_jwk_release(key->jwk);
  jwt_evp_free(key->evp);
  free(key->kid);
  memset(key, 0, sizeof *key);
}

/* The one length that a signature of this algorithm has. cjose halves what it gets for ECDSA and
 * would pass over a byte too many. */
static size_t signature_len(const struct jwt_key *key, enum jwt_alg alg)
{
  switch (key->kind) {
  case JWT_SECRET:
    return jwt_alg_min_secret(alg); /* that of the hash */
  case JWT_RSA:
    return key->rsa_bytes;
  case JWT_P256:
    return 64;
  case JWT_P384:
    return 96;
  case JWT_P521:
    return 132;
  default:
    return JWT_ED25519_SIGNATURE;
  }
}

bool jwt_key_verify(const struct jwt_key *key, const struct jwt_token *token)
{
  cjose_err err;
  if (token->signature.len != signature_len(key, token->alg))
    return false;
  if (key->evp != NULL)
    return jwt_evp_verify(key->evp, token->alg, token->signed_part, token->signature);
  cjose_jws_t *jws = cjose_jws_import(token->text.ptr, token->text.len, &err);
  bool good = jws != NULL && cjose_jws_verify(jws, key->jwk, &err);
  if (jws != NULL)
    cjose_jws_release(jws);
  if (!good)
    ERR_clear_error();
  return good;
}
