/* The signature algorithms of RFC 7518 and RFC 8037 that are verified here, which kind of key each
 * needs, and allow-lists of them. Constant. Any thread. */
#ifndef JWT_ALG_H
#define JWT_ALG_H

#include <plugboard/abi.h>
#include <stdbool.h>
#include <stdint.h>

enum jwt_kind { JWT_SECRET, JWT_RSA, JWT_P256, JWT_P384, JWT_P521, JWT_ED25519 };

enum jwt_alg {
  JWT_HS256,
  JWT_HS384,
  JWT_HS512,
  JWT_RS256,
  JWT_RS384,
  JWT_RS512,
  JWT_PS256,
  JWT_PS384,
  JWT_PS512,
  JWT_ES256,
  JWT_ES384,
  JWT_ES512,
  JWT_EDDSA,
  JWT_N_ALGS
};

typedef uint32_t jwt_algs; /* a set, one bit for each */

#define JWT_ALG_BIT(alg) (UINT32_C(1) << (alg))
#define JWT_ALGS_HS      (JWT_ALG_BIT(JWT_HS256) | JWT_ALG_BIT(JWT_HS384) | JWT_ALG_BIT(JWT_HS512))
#define JWT_ALGS_ALL     (JWT_ALG_BIT(JWT_N_ALGS) - 1)
#define JWT_ALGS_PUBLIC  (JWT_ALGS_ALL & ~JWT_ALGS_HS)

/* Names count to the letter; "Ed25519" (RFC 9864) is another name of EdDSA. */
bool jwt_alg_find(struct plug_str name, enum jwt_alg *alg);
const char *jwt_alg_name(enum jwt_alg alg);
enum jwt_kind jwt_alg_kind(enum jwt_alg alg);
/* Bytes of a secret below which RFC 7518 calls it too short; 0 for public keys. */
size_t jwt_alg_min_secret(enum jwt_alg alg);
/* All that a key of this kind can be used for. */
jwt_algs jwt_kind_algs(enum jwt_kind kind);

/* A list as "RS256, ES256", or families: HS, RS, PS, ES. On failure *bad is the element that is no
 * algorithm. */
bool jwt_algs_parse(struct plug_str list, jwt_algs *algs, struct plug_str *bad);
/* "RS256, ES256" */
void jwt_algs_text(jwt_algs algs, char out[128]);

#endif
