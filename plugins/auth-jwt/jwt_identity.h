/* Who a token's bearer is: user, roles, attributes and permissions taken from its claims. Points
 * into the claims it was made of and holds a reference to them. Any thread, one at a time. */
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
  json_t *claims;
  struct plug_identity who; /* its arrays and strings live as long as this */
  struct plug_str *roles;
  struct plug_kv *attrs;
  struct plug_permission *permissions;
  char **texts; /* what had to be written anew: numbers */
  size_t n_texts;
};

/* To be ended with jwt_identity_fini whatever comes out. */
enum jwt_reason jwt_identity_make(struct jwt_identity *id, const struct jwt_policy *policy,
                                  json_t *claims, int64_t expires_ms, struct jwt_fault *fault);
void jwt_identity_fini(struct jwt_identity *id);

#endif
