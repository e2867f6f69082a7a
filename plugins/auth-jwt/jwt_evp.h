/* Signatures that OpenSSL verifies without cjose between: Ed25519 (RFC 8037), which cjose does not
 * know, and RSA, where the old interface that cjose uses costs a third more for each token. What is
 * the same for all tokens of a key is prepared once and only copied for each. Constant once made;
 * verifying on any thread. */
#ifndef JWT_EVP_H
#define JWT_EVP_H

#include <openssl/evp.h>
#include <plugboard/abi.h>
#include <stdbool.h>

#include "jwt_alg.h"

enum { JWT_ED25519_KEY = 32, JWT_ED25519_SIGNATURE = 64 };

struct jwt_evp; /* a public key */

/* NULL if these are no public key. */
struct jwt_evp *jwt_evp_ed25519(const unsigned char x[JWT_ED25519_KEY]);
struct jwt_evp *jwt_evp_rsa(const unsigned char *n, size_t n_len, const unsigned char *e,
                            size_t e_len);
void jwt_evp_free(struct jwt_evp *evp); /* NULL is allowed */

/* alg is one that the key is for. */
bool jwt_evp_verify(const struct jwt_evp *evp, enum jwt_alg alg, struct plug_str signed_part,
                    struct plug_str signature);

#endif
