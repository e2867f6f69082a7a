#include "jwt_fault.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const texts[JWT_N_REASONS] = {
    [JWT_OK] = "",
    [JWT_OPAQUE] = "opaque token: ask the provider for a JWT (audience or resource)",
    [JWT_ENCRYPTED] = "encrypted token (JWE): ask the provider for a signed JWT",
    [JWT_TOO_LARGE] = "token too large",
    [JWT_MALFORMED] = "malformed token",
    [JWT_UNSUPPORTED] = "token uses an unsupported feature",
    [JWT_ALGORITHM] = "token algorithm not allowed",
    [JWT_NO_KEY] = "no key for this token",
    [JWT_SIGNATURE] = "bad token signature",
    [JWT_EXPIRED] = "token expired",
    [JWT_NOT_YET] = "token not yet valid",
    [JWT_ISSUER] = "wrong token issuer",
    [JWT_AUDIENCE] = "wrong token audience",
    [JWT_CLIENT] = "token of another client",
    [JWT_KIND] = "wrong kind of token",
    [JWT_CLAIM] = "a required claim is missing or wrong",
    [JWT_BOUND] = "token is bound to a key (DPoP or mTLS)",
    [JWT_USER] = "token names no acceptable user",
    [JWT_NO_MEMORY] = "out of memory",
};

const char *jwt_reason_text(enum jwt_reason reason)
{
  return texts[reason];
}

enum jwt_reason jwt_fail(struct jwt_fault *fault, enum jwt_reason reason, const char *format, ...)
{
  va_list args;
  fault->reason = reason;
  va_start(args, format);
  vsnprintf(fault->detail, sizeof fault->detail, format, args);
  va_end(args);
  return reason;
}
