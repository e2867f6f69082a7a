/* Makes JSON Web Tokens (RFC 7519, 7515), for tests: the claims signed with a secret or a private
 * key. Owns nothing. Any thread. */
#ifndef CLI_JWT_H
#define CLI_JWT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/str.h"

struct jwt_signing {
  struct plug_str secret; /* of HS256, HS384 and HS512; or */
  struct plug_str pem;    /* a private key: RSA, EC or Ed25519 */
  const char *alg;        /* NULL: HS256, or what the key is for */
  const char *kid;        /* NULL: none */
};

/* Appends the token. False: why says what is wrong. */
bool jwt_make(struct buf *out, const struct jwt_signing *signing, const json_t *claims,
              char why[240]);

#endif
