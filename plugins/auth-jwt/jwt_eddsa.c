#include "jwt_eddsa.h"

#include <openssl/err.h>

EVP_PKEY *jwt_eddsa_key(const unsigned char x[JWT_ED25519_KEY])
{
  EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, JWT_ED25519_KEY);
  if (key == NULL)
    ERR_clear_error();
  return key;
}

bool jwt_eddsa_verify(EVP_PKEY *key, struct plug_str signed_part, struct plug_str signature)
{
  if (signature.len != JWT_ED25519_SIGNATURE)
    return false;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  /* Ed25519 hashes by itself: no digest is named, and only the one-shot call works. */
  bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                               (const unsigned char *)signed_part.ptr, signed_part.len) == 1;
  EVP_MD_CTX_free(ctx);
  if (!good)
    ERR_clear_error();
  return good;
}
