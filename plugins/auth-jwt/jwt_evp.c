#include "jwt_evp.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>

struct jwt_evp {
  EVP_PKEY *key;
  EVP_MD_CTX *prepared[JWT_N_ALGS]; /* for the algorithms of the key */
};

/* A context in which verifying begins; NULL when OpenSSL refuses. */
static EVP_MD_CTX *prepare(EVP_PKEY *key, enum jwt_alg alg)
{
  static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *pkey = NULL;
  /* Ed25519 hashes by itself: no digest is named, and only the one-shot call works. */
  bool good =
      ctx != NULL &&
      EVP_DigestVerifyInit_ex(ctx, &pkey, alg == JWT_EDDSA ? NULL : digests[(alg - JWT_RS256) % 3],
                              NULL, NULL, key, NULL) == 1;
  /* RFC 7518, 3.5: the salt is as long as the hash. OpenSSL's default differs between versions. */
  if (good && alg >= JWT_PS256 && alg <= JWT_PS512)
    good = EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST) == 1;
  if (good)
    return ctx;
  EVP_MD_CTX_free(ctx);
  return NULL;
}

/* Takes key, which may be NULL. */
static struct jwt_evp *make(EVP_PKEY *key, enum jwt_kind kind)
{
  struct jwt_evp *evp = key != NULL ? calloc(1, sizeof *evp) : NULL;
  bool good = evp != NULL;
  if (good)
    evp->key = key;
  else
    EVP_PKEY_free(key);
  for (int alg = 0; alg < JWT_N_ALGS && good; alg++)
    if (jwt_alg_kind((enum jwt_alg)alg) == kind)
      good = (evp->prepared[alg] = prepare(key, (enum jwt_alg)alg)) != NULL;
  if (good)
    return evp;
  ERR_clear_error();
  jwt_evp_free(evp);
  return NULL;
}

struct jwt_evp *jwt_evp_ed25519(const unsigned char x[JWT_ED25519_KEY])
{
  return make(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, JWT_ED25519_KEY), JWT_ED25519);
}

struct jwt_evp *jwt_evp_rsa(const unsigned char *n, size_t n_len, const unsigned char *e,
                            size_t e_len)
{
  EVP_PKEY *key = NULL;
  BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  OSSL_PARAM *params = NULL;
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  if (modulus != NULL && exponent != NULL && build != NULL && ctx != NULL &&
      OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
      OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1 &&
      (params = OSSL_PARAM_BLD_to_param(build)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
      EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    key = NULL;
  EVP_PKEY_CTX_free(ctx);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  BN_free(modulus);
  BN_free(exponent);
  return make(key, JWT_RSA);
}

void jwt_evp_free(struct jwt_evp *evp)
{
  if (evp == NULL)
    return;
  for (int alg = 0; alg < JWT_N_ALGS; alg++)
    EVP_MD_CTX_free(evp->prepared[alg]);
  EVP_PKEY_free(evp->key);
  free(evp);
}

bool jwt_evp_verify(const struct jwt_evp *evp, enum jwt_alg alg, struct plug_str signed_part,
                    struct plug_str signature)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  /* Everything but 1 is a refusal. */
  bool good = ctx != NULL && evp->prepared[alg] != NULL &&
              EVP_MD_CTX_copy_ex(ctx, evp->prepared[alg]) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                               (const unsigned char *)signed_part.ptr, signed_part.len) == 1;
  EVP_MD_CTX_free(ctx);
  if (!good)
    ERR_clear_error();
  return good;
}
