/* The whole judgement of one token: form, algorithm, signature, claims, identity, in this order, so
 * that nothing of the claims is parsed before the signature has been verified. No I/O; keys and
 * time are parameters. Any thread. */
#ifndef JWT_CHECK_H
#define JWT_CHECK_H

#include "jwt_identity.h"
#include "jwt_keyset.h"

enum { JWT_KID_KEPT = 256 };

struct jwt_verdict {
  struct jwt_fault fault; /* reason JWT_OK: accepted */
  bool has_kid;
  char kid[JWT_KID_KEPT]; /* its beginning; also of a token that is refused, once its header is read
                           */
  struct jwt_identity identity;
};

/* verdict is to be ended with jwt_verdict_fini whatever comes out. */
enum jwt_reason jwt_check(const struct jwt_policy *policy, const struct jwt_keyset *keys,
                          struct plug_str text, double now_s, struct jwt_verdict *verdict);
void jwt_verdict_fini(struct jwt_verdict *verdict);

#endif
