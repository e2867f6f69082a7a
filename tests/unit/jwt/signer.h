/* Keys and signed tokens for the tests, made by OpenSSL alone, so that what signs shares no code
 * with what verifies. */
#ifndef SIGNER_H
#define SIGNER_H

#include <openssl/evp.h>

#include "jwt_check.h"
#include "jwt_text.h"

struct signer {
  const char *alg;
  EVP_PKEY *key; /* NULL: HS */
  unsigned char secret[64];
  char *jwk; /* public, without kid; NULL: HS */
};

/* One for each algorithm; keys are made anew with each call. alg: "RS256", ... */
void signer_init(struct signer *s, const char *alg);
void signer_fini(struct signer *s);

char *encode64(const void *data, size_t len); /* base64url; to be freed */
/* A compact JWS over these texts; to be freed. */
char *sign(const struct signer *s, const char *header, const char *claims);
char *sign_bytes(const struct signer *s, const char *header, const void *payload, size_t len);
/* header64.payload64, as they are, signed. */
char *sign_raw(const struct signer *s, const char *header64, const char *payload64);
/* {"alg":alg,"kid":"k1"} */
char *sign_claims(const struct signer *s, const char *claims);
/* The public key (or secret) as a set of one; kid and more ("\"use\":\"sig\"") may be NULL. */
struct jwt_keyset *signer_keys(const struct signer *s, const char *kid, const char *more);
char *signer_jwk(const struct signer *s, const char *kid, const char *more); /* to be freed */

/* Lenient in what it does not test: everything allowed, exp not needed. */
void policy_init(struct jwt_policy *policy);

extern const char *const all_algs[JWT_N_ALGS];

#endif
