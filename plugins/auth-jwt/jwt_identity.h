/* Who a token's bearer is: user, roles, attributes and permissions taken from its claims. One block
 * of memory that holds all of it but the names of attributes, which are the policy's: what the
 * claims were is gone by the time another thread gets it. Any thread, one at a time. */
#ifndef JWT_IDENTITY_H
#define JWT_IDENTITY_H

#include <plugboard/auth.h>

#include "jwt_fault.h"
#include "jwt_policy.h"

enum {
  JWT_MAX_USER = 255,
  JWT_MAX_ROLES = 1024,
  JWT_MAX_ATTRS = 256,
  JWT_MAX_PERMISSIONS = 1024,
};

struct jwt_identity {
  struct plug_identity who; /* its arrays and strings live as long as this */
  void *block;
};

/* To be ended with jwt_identity_fini whatever comes out. */
enum jwt_reason jwt_identity_make(struct jwt_identity *id, const struct jwt_policy *policy,
                                  json_t *claims, int64_t expires_ms, struct jwt_fault *fault);
void jwt_identity_fini(struct jwt_identity *id);

#endif
