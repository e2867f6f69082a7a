/* Tokens that were verified before: what is known of them, and what is not. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jwt_known.h"
#include "signer.h"

#define NOW    1700000000.0
#define CLAIMS "{\"sub\":\"alice\",\"exp\":1700000300}"

static bool is_known(struct jwt_known *known, const struct jwt_key *key, const char *text)
{
  unsigned char hash[SHA256_DIGEST_LENGTH];
  const struct jwt_token token = {.text = jwt_str(text)};
  return jwt_known_hash(known, key, &token, hash) && jwt_known_has(known, hash);
}

static enum jwt_reason check(const struct jwt_policy *policy, const struct jwt_keyset *set,
                             const char *text, double now)
{
  struct jwt_verdict verdict;
  enum jwt_reason reason = jwt_check(policy, set, jwt_str(text), now, &verdict);
  jwt_verdict_fini(&verdict);
  return reason;
}

static void key_of(const struct signer *s, const char *kid, struct jwt_key *key)
{
  char why[160], *text = signer_jwk(s, kid, NULL);
  json_t *jwk = json_loads(text, 0, NULL);
  assert_true(jwt_key_from_jwk(key, jwk, why));
  json_decref(jwk);
  free(text);
}

/* Whether by its name, as JWK or as PEM: a key is the same when its numbers are. */
static void keys_have_prints_of_their_numbers(void **state)
{
  (void)state;
  struct jwt_key prints[2 * JWT_N_ALGS], pem;
  char why[160];
  size_t n = 0;
  for (int i = JWT_RS256; i < JWT_N_ALGS; i++) {
    struct signer s;
    struct jwt_key *key = &prints[n++];
    signer_init(&s, all_algs[i]);
    key_of(&s, "k1", key);
    assert_true(key->has_print);
    assert_true(jwt_key_from_public(&pem, s.key, why));
    assert_memory_equal(pem.print, key->print, sizeof pem.print);
    jwt_key_fini(&pem);
    for (size_t k = 0; k + 1 < n; k++)
      assert_memory_not_equal(prints[k].print, key->print, sizeof key->print);
    signer_fini(&s);
  }
  while (n > 0)
    jwt_key_fini(&prints[--n]);
  struct jwt_key secret;
  assert_true(jwt_key_from_secret(&secret, (const unsigned char *)CLAIMS, 32));
  assert_false(secret.has_print);
  jwt_key_fini(&secret);
}

static void only_what_was_verified_is_known(void **state)
{
  (void)state;
  struct jwt_policy policy;
  policy_init(&policy);
  for (int i = JWT_RS256; i < JWT_N_ALGS; i++) {
    struct signer s, other;
    struct jwt_key key;
    struct jwt_known *known = jwt_known_new(64, NULL);
    signer_init(&s, all_algs[i]);
    signer_init(&other, all_algs[i]);
    key_of(&s, "k1", &key);
    struct jwt_keyset *set = signer_keys(&s, "k1", NULL);
    struct jwt_keyset *rotated = signer_keys(&other, "k1", NULL);
    jwt_keyset_remember(set, known);
    jwt_keyset_remember(rotated, known);
    char *token = sign_claims(&s, CLAIMS), *bad = sign_claims(&other, CLAIMS);

    assert_int_equal(check(&policy, set, bad, NOW), JWT_SIGNATURE);
    assert_false(is_known(known, &key, bad));
    assert_false(is_known(known, &key, token));
    assert_int_equal(check(&policy, set, token, NOW), JWT_OK);
    assert_true(is_known(known, &key, token));
    assert_int_equal(check(&policy, set, token, NOW), JWT_OK);
    /* The dates are judged each time, and so is whether the algorithm is allowed. */
    assert_int_equal(check(&policy, set, token, NOW + 1000), JWT_EXPIRED);
    jwt_algs allowed = policy.algs;
    policy.algs &= ~JWT_ALG_BIT(i);
    assert_int_equal(check(&policy, set, token, NOW), JWT_ALGORITHM);
    policy.algs = allowed;
    /* Another key of the same name knows nothing of it; the old one, come back, does. */
    assert_int_equal(check(&policy, rotated, token, NOW), JWT_SIGNATURE);
    assert_int_equal(check(&policy, rotated, bad, NOW), JWT_OK);
    assert_int_equal(check(&policy, set, bad, NOW), JWT_SIGNATURE);
    assert_int_equal(check(&policy, set, token, NOW), JWT_OK);

    free(token);
    free(bad);
    jwt_keyset_unref(set);
    jwt_keyset_unref(rotated);
    jwt_key_fini(&key);
    jwt_known_free(known);
    signer_fini(&s);
    signer_fini(&other);
  }
  jwt_policy_fini(&policy);
}

static void hash_of(uint32_t number, unsigned char hash[SHA256_DIGEST_LENGTH])
{
  SHA256((const unsigned char *)&number, sizeof number, hash);
}

static void the_newest_stay(void **state)
{
  (void)state;
  unsigned char hash[SHA256_DIGEST_LENGTH];
  const size_t sizes[] = {1, 8, 100, 4096};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    struct jwt_known *known = jwt_known_new(sizes[s], NULL);
    size_t kept = 0;
    for (uint32_t i = 0; i < 20000; i++) {
      hash_of(i, hash);
      assert_false(jwt_known_has(known, hash));
      jwt_known_add(known, hash);
      jwt_known_add(known, hash); /* which takes no second place */
      assert_true(jwt_known_has(known, hash));
    }
    for (uint32_t i = 0; i < 20000; i++) {
      hash_of(i, hash);
      kept += jwt_known_has(known, hash);
    }
    assert_in_range(kept, sizes[s], sizes[s] + 7);
    jwt_known_free(known);
  }
}

static void *add_many(void *arg)
{
  unsigned char hash[SHA256_DIGEST_LENGTH];
  for (uint32_t i = 0; i < 20000; i++) {
    hash_of(i % 500, hash);
    if (!jwt_known_has(arg, hash))
      jwt_known_add(arg, hash);
  }
  return NULL;
}

static void by_several_threads(void **state)
{
  (void)state;
  struct jwt_known *known = jwt_known_new(256, NULL);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, add_many, known), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  jwt_known_free(known);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_have_prints_of_their_numbers),
      cmocka_unit_test(only_what_was_verified_is_known),
      cmocka_unit_test(the_newest_stay),
      cmocka_unit_test(by_several_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
