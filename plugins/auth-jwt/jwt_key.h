/* One verification key: a secret, or a public key of a JWK (RFC 7517) or of a PEM file. Only what
 * is public is kept of a key pair. Constant once made. Verifying may run on any thread. */
#ifndef JWT_KEY_H
#define JWT_KEY_H

#include <cjose/cjose.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "jwt_alg.h"
#include "jwt_token.h"

enum {
  JWT_MIN_RSA_BITS = 2048, /* RFC 7518, 3.3 */
  JWT_MAX_RSA_BITS = 8192, /* each check costs sixteen times that of 2048 */
  JWT_MAX_SECRET = 4096,
};

struct jwt_evp;

struct jwt_key {
  enum jwt_kind kind;
  jwt_algs algs; /* what it may be used for */
  char *kid;     /* not NUL-terminated text of kid_len bytes; NULL: the key has no name */
  size_t kid_len;
  cjose_jwk_t *jwk;                          /* secrets and EC keys */
  struct jwt_evp *evp;                       /* RSA and Ed25519 keys */
  size_t rsa_bytes;                          /* of the modulus */
  bool has_print;                            /* secrets have none */
  unsigned char print[SHA256_DIGEST_LENGTH]; /* of its kind and numbers: no other key has it */
};

/* Fills key, or says in why what is missing. A key that is no fault but of no use here (for
 * encryption, of an unknown kind) fails too. */
bool jwt_key_from_jwk(struct jwt_key *key, const json_t *jwk, char why[160]);
bool jwt_key_from_secret(struct jwt_key *key, const unsigned char *secret, size_t len);
/* A public key of OpenSSL; borrowed. */
bool jwt_key_from_public(struct jwt_key *key, EVP_PKEY *public_key, char why[160]);
void jwt_key_fini(struct jwt_key *key);

/* Is the token's signature one of this key? Algorithm and key must fit, the caller has seen to it.
 */
bool jwt_key_verify(const struct jwt_key *key, const struct jwt_token *token);

#endif
