/* Ed25519 signatures (RFC 8037) by OpenSSL, because cjose knows none. No state. Any thread. */
#ifndef JWT_EDDSA_H
#define JWT_EDDSA_H

#include <openssl/evp.h>
#include <plugboard/abi.h>
#include <stdbool.h>

enum { JWT_ED25519_KEY = 32, JWT_ED25519_SIGNATURE = 64 };

/* NULL if these are no public key. */
EVP_PKEY *jwt_eddsa_key(const unsigned char x[JWT_ED25519_KEY]);
bool jwt_eddsa_verify(EVP_PKEY *key, struct plug_str signed_part, struct plug_str signature);

#endif
