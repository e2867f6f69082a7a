/* What a token must be to be accepted, and what of it becomes the identity: the options that a
 * check looks at. Owns everything in it; made in create and constant from then on. Any thread. */
#ifndef JWT_POLICY_H
#define JWT_POLICY_H

#include "jwt_alg.h"
#include "jwt_path.h"

enum jwt_token_kind { JWT_ACCESS_TOKEN, JWT_ID_TOKEN, JWT_ANY_TOKEN };

/* C strings */
struct jwt_texts {
  size_t n;
  char **v;
};

struct jwt_requirement {
  struct jwt_path path;
  char *value; /* NULL: the claim has to be there, whatever it is */
};

struct jwt_attribute {
  char *name;
  struct jwt_path path;
};

struct jwt_policy {
  size_t max_token;
  jwt_algs algs;
  int64_t leeway_s;
  struct jwt_texts issuers, audiences, clients; /* none: not looked at */
  struct jwt_texts types; /* of the header's typ; none: any but the known others */
  enum jwt_token_kind kind;
  bool allow_bound, allow_no_expiry, refuse_future;
  struct jwt_requirement *require;
  size_t n_require;

  struct jwt_paths user, roles;
  struct jwt_attribute *attributes;
  size_t n_attributes;
  bool has_permissions;
  struct jwt_path permissions;
};

bool jwt_texts_parse(struct jwt_texts *texts, struct plug_str list);
void jwt_texts_fini(struct jwt_texts *texts);
bool jwt_texts_have(const struct jwt_texts *texts, struct plug_str text);
/* "type=access, email_verified=true, tenant"; "userId, org=tenant.id". */
bool jwt_policy_require(struct jwt_policy *policy, struct plug_str list, char why[160]);
bool jwt_policy_attributes(struct jwt_policy *policy, struct plug_str list, char why[160]);
void jwt_policy_fini(struct jwt_policy *policy);

#endif
