/* Why a token is refused: a reason for programs and clients, a sentence for the log. Nothing in it
 * is ever the token. Any thread, one at a time. */
#ifndef JWT_FAULT_H
#define JWT_FAULT_H

#include <plugboard/abi.h>

enum jwt_reason {
  JWT_OK,
  JWT_OPAQUE,
  JWT_ENCRYPTED,
  JWT_TOO_LARGE,
  JWT_MALFORMED,   /* not a signed token, or one that does not keep to the RFCs */
  JWT_UNSUPPORTED, /* crit, embedded keys, nested tokens */
  JWT_ALGORITHM,
  JWT_NO_KEY, /* the keys at hand have none that fits; newer ones may */
  JWT_SIGNATURE,
  JWT_EXPIRED,
  JWT_NOT_YET,
  JWT_ISSUER,
  JWT_AUDIENCE,
  JWT_CLIENT,
  JWT_KIND, /* an ID, refresh, logout ... token */
  JWT_CLAIM,
  JWT_BOUND,
  JWT_USER, /* no user name, or not the one whose identity is renewed */
  JWT_NO_MEMORY,
  JWT_N_REASONS
};

struct jwt_fault {
  enum jwt_reason reason;
  char detail[400];
};

/* What the client may be told when explain is on. */
const char *jwt_reason_text(enum jwt_reason reason);

/* Fills fault and returns reason. */
__attribute__((format(printf, 3, 4))) enum jwt_reason jwt_fail(struct jwt_fault *fault,
                                                               enum jwt_reason reason,
                                                               const char *format, ...);

#endif
