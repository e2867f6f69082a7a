/* The examples that the RFCs print are verified, and no other key, algorithm or text is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base64.h"
#include "signer.h"
#include "vectors.h"

static struct jwt_keyset *keys_of(const struct jwt_vector *v)
{
  struct jwt_keyset *set = jwt_keyset_new();
  struct jwt_key key;
  char why[240];
  if (v->secret != NULL) {
    unsigned char secret[256];
    size_t len;
    assert_true(base64url_decode(jwt_str(v->secret), secret, &len));
    assert_true(jwt_key_from_secret(&key, secret, len));
    assert_true(jwt_keyset_take(set, &key));
    return set;
  }
  char *text = NULL;
  int line;
  assert_true(asprintf(&text, "{\"keys\":[%s]}", v->jwk) > 0);
  if (!jwt_keyset_add_jwks(set, jwt_str(text), why, &line))
    fail_msg("%s: %s", v->where, why);
  free(text);
  return set;
}

static enum jwt_reason verify(const char *text, const struct jwt_keyset *keys, jwt_algs allowed,
                              struct jwt_fault *fault)
{
  struct jwt_token token;
  enum jwt_reason reason = jwt_token_parse(&token, jwt_str(text), 16384, fault);
  if (reason == JWT_OK)
    reason = jwt_keyset_verify(keys, &token, allowed, fault);
  jwt_token_fini(&token);
  return reason;
}

static void verifies_all(void **state)
{
  (void)state;
  for (size_t i = 0; i < JWT_N_VECTORS; i++) {
    struct jwt_fault fault;
    struct jwt_keyset *keys = keys_of(&jwt_vectors[i]);
    if (verify(jwt_vectors[i].compact, keys, JWT_ALGS_ALL, &fault) != JWT_OK)
      fail_msg("%s: %s", jwt_vectors[i].where, fault.detail);
    jwt_keyset_unref(keys);
  }
}

static void no_key_verifies_anothers(void **state)
{
  (void)state;
  for (size_t i = 0; i < JWT_N_VECTORS; i++)
    for (size_t k = 0; k < JWT_N_VECTORS; k++) {
      struct jwt_fault fault;
      struct jwt_keyset *keys = keys_of(&jwt_vectors[k]);
      enum jwt_reason reason = verify(jwt_vectors[i].compact, keys, JWT_ALGS_ALL, &fault);
      const char *own = jwt_vectors[i].jwk, *other = jwt_vectors[k].jwk;
      bool same = i == k || (own != NULL && other != NULL && strcmp(own, other) == 0);
      if ((reason == JWT_OK) != same)
        fail_msg("%s with the key of %s", jwt_vectors[i].where, jwt_vectors[k].where);
      jwt_keyset_unref(keys);
    }
}

static void only_allowed_algorithms(void **state)
{
  (void)state;
  for (size_t i = 0; i < JWT_N_VECTORS; i++) {
    struct jwt_fault fault;
    struct jwt_token token;
    assert_int_equal(jwt_token_parse(&token, jwt_str(jwt_vectors[i].compact), 16384, &fault),
                     JWT_OK);
    jwt_algs own = JWT_ALG_BIT(token.alg);
    jwt_token_fini(&token);
    struct jwt_keyset *keys = keys_of(&jwt_vectors[i]);
    assert_int_equal(verify(jwt_vectors[i].compact, keys, own, &fault), JWT_OK);
    assert_int_equal(verify(jwt_vectors[i].compact, keys, JWT_ALGS_ALL & ~own, &fault),
                     JWT_ALGORITHM);
    jwt_keyset_unref(keys);
  }
}

/* Every single character of every example matters. */
static void every_character_counts(void **state)
{
  (void)state;
  for (size_t i = 0; i < JWT_N_VECTORS; i++) {
    struct jwt_keyset *keys = keys_of(&jwt_vectors[i]);
    char *text = strdup(jwt_vectors[i].compact);
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at++) {
      struct jwt_fault fault;
      char was = text[at];
      for (const char *other = "AB_"; *other != '\0'; other++) {
        if (*other == was)
          continue;
        text[at] = *other;
        if (verify(text, keys, JWT_ALGS_ALL, &fault) == JWT_OK)
          fail_msg("%s: the character %zu does not count", jwt_vectors[i].where, at);
      }
      text[at] = was;
      /* slow curves: every seventh character will do */
      if (strstr(jwt_vectors[i].where, "7515, A.4") || strstr(jwt_vectors[i].where, "7520, 4.3"))
        at += 6;
    }
    assert_int_equal(verify(text, keys, JWT_ALGS_ALL, &(struct jwt_fault){0}), JWT_OK);
    free(text);
    jwt_keyset_unref(keys);
  }
}

/* RFC 7519, 3.1: its claims, once the clock is turned back. */
static void claims_of_rfc7519(void **state)
{
  (void)state;
  struct jwt_policy policy;
  struct jwt_verdict verdict;
  struct jwt_keyset *keys = keys_of(&jwt_vectors[0]);
  struct plug_str token = jwt_str(jwt_vectors[0].compact);
  char why[160];
  policy_init(&policy);
  jwt_paths_fini(&policy.user);
  assert_true(jwt_paths_parse(&policy.user, jwt_str("sub, iss"), why));
  assert_true(jwt_policy_require(&policy, jwt_str("http://example.com/is_root=true"), why));
  assert_true(jwt_texts_parse(&policy.issuers, jwt_str("joe")));
  assert_int_equal(jwt_check(&policy, keys, token, 1300819379, &verdict), JWT_OK);
  assert_true(jwt_str_is(verdict.identity.who.user, "joe"));
  assert_true(verdict.identity.who.expires_unix_ms == (1300819380LL + 60) * 1000);
  jwt_verdict_fini(&verdict);
  assert_int_equal(jwt_check(&policy, keys, token, 1300819380 + 59.9, &verdict), JWT_OK);
  jwt_verdict_fini(&verdict);
  assert_int_equal(jwt_check(&policy, keys, token, 1300819380 + 60, &verdict), JWT_EXPIRED);
  jwt_verdict_fini(&verdict);
  jwt_policy_fini(&policy);
  jwt_keyset_unref(keys);
}

/* RFC 7519, 6.1: the unsecured one. */
static void unsecured(void **state)
{
  (void)state;
  struct jwt_fault fault;
  struct jwt_keyset *keys = keys_of(&jwt_vectors[0]);
  assert_int_equal(
      verify("eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0d"
             "HA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
             keys, JWT_ALGS_ALL, &fault),
      JWT_ALGORITHM);
  jwt_keyset_unref(keys);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(verifies_all),
      cmocka_unit_test(no_key_verifies_anothers),
      cmocka_unit_test(only_allowed_algorithms),
      cmocka_unit_test(every_character_counts),
      cmocka_unit_test(claims_of_rfc7519),
      cmocka_unit_test(unsecured),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
