/* Are a token's claims (RFC 7519) those of a token that is meant for us, now? The signature has
 * been checked before. No state, no I/O; the time is a parameter. Any thread. */
#ifndef JWT_CLAIMS_H
#define JWT_CLAIMS_H

#include "jwt_fault.h"
#include "jwt_policy.h"
#include "jwt_token.h"

/* expires_ms: when the token ends, leeway included, in Unix milliseconds; 0 is never. */
enum jwt_reason jwt_claims_check(const struct jwt_policy *policy, const struct jwt_token *token,
                                 json_t *claims, double now_s, int64_t *expires_ms,
                                 struct jwt_fault *fault);

#endif
