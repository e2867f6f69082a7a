/* Key sets and PEM files, and the option texts beside them: no input may break them, and a key that
 * is taken can be used. */
#include <stdint.h>
#include <stdlib.h>

#include "base64.h"
#include "jwt_keyset.h"
#include "jwt_policy.h"
#include "jwt_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One token of each kind of key; none of them is by the key at hand. */
static const char *const tokens[] = {
    "eyJhbGciOiJFUzI1NiJ9.e30."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    "eyJhbGciOiJFZERTQSJ9.e30."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
};

static void use(const struct jwt_keyset *set)
{
  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
    struct jwt_token token;
    struct jwt_fault fault;
    if (jwt_token_parse(&token, jwt_str(tokens[i]), 1000, &fault) != JWT_OK ||
        jwt_keyset_verify(set, &token, JWT_ALGS_ALL, &fault) == JWT_OK)
      abort();
    jwt_token_fini(&token);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const struct plug_str input = {(const char *)data, size};
  char why[240] = "";
  int line;
  for (int pem = 0; pem < 2; pem++) {
    struct jwt_keyset *set = jwt_keyset_new();
    bool good =
        pem ? jwt_keyset_add_pem(set, input, why) : jwt_keyset_add_jwks(set, input, why, &line);
    if (good != (jwt_keyset_count(set) > 0) && !pem)
      abort();
    if (!good && why[0] == '\0')
      abort();
    if (good)
      use(set);
    jwt_keyset_unref(set);
  }

  struct jwt_policy policy = {0};
  struct jwt_paths paths;
  struct plug_str bad;
  if (jwt_paths_parse(&paths, input, why))
    jwt_paths_fini(&paths);
  if (!jwt_algs_parse(input, &policy.algs, &bad) && bad.len == 0)
    abort();
  jwt_policy_require(&policy, input, why);
  jwt_policy_attributes(&policy, input, why);
  jwt_texts_parse(&policy.issuers, input);
  jwt_policy_fini(&policy);

  unsigned char *out = malloc(base64_bound(size));
  size_t len;
  if (base64_decode_any(input, out, &len) && len > size)
    abort();
  free(out);
  return 0;
}
