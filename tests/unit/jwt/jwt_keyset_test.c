/* Which keys of a set are taken, which of them are tried for a token, and what PEM files give. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "signer.h"

static struct jwt_keyset *parse(const char *text, bool good, char why[240])
{
  struct jwt_keyset *set = jwt_keyset_new();
  int line;
  why[0] = '\0';
  if (jwt_keyset_add_jwks(set, jwt_str(text), why, &line) != good)
    fail_msg("%s: %s", text, why);
  return set;
}

/* Verifies a token with this header by a set of the given keys ("%s" is the JWK's middle). */
static enum jwt_reason by_set(const struct signer *s, const char *header, const char *const *keys,
                              size_t n)
{
  char *text = strdup("{\"keys\":["), why[240];
  for (size_t i = 0; i < n; i++) {
    char *longer = NULL;
    assert_true(asprintf(&longer, "%s%s%s", text, i > 0 ? "," : "", keys[i]) > 0);
    free(text);
    text = longer;
  }
  text = realloc(text, strlen(text) + 3);
  strcat(text, "]}");
  struct jwt_keyset *set = parse(text, true, why);
  struct jwt_token token;
  struct jwt_fault fault;
  char *compact = sign(s, header, "{}");
  enum jwt_reason reason = jwt_token_parse(&token, jwt_str(compact), 16384, &fault);
  if (reason == JWT_OK)
    reason = jwt_keyset_verify(set, &token, JWT_ALGS_PUBLIC, &fault);
  jwt_token_fini(&token);
  jwt_keyset_unref(set);
  free(compact);
  free(text);
  return reason;
}

/* What real providers publish, and the rules that other verifiers get wrong. */
static void candidates(void **state)
{
  (void)state;
  struct signer rs, rs2, es, ed;
  signer_init(&rs, "RS256");
  signer_init(&rs2, "RS256");
  signer_init(&es, "ES256");
  signer_init(&ed, "EdDSA");
  const char *with_kid = "{\"alg\":\"RS256\",\"kid\":\"a\"}", *without = "{\"alg\":\"RS256\"}";
#define JWK(s, kid, more) signer_jwk(&(s), kid, more)
  const struct {
    const char *what, *header;
    char *keys[4];
    enum jwt_reason wanted;
  } cases[] = {
      {"its own", with_kid, {JWK(rs, "a", NULL)}, JWT_OK},
      {"use and alg", with_kid, {JWK(rs, "a", "\"use\":\"sig\",\"alg\":\"RS256\"")}, JWT_OK},
      {"key_ops",
       with_kid,
       {JWK(rs, "a", "\"key_ops\":[\"sign\",\"verify\"],\"ext\":true")},
       JWT_OK},
      {"another kid", with_kid, {JWK(rs, "b", NULL)}, JWT_NO_KEY},
      {"the key has no kid", with_kid, {JWK(rs, NULL, NULL)}, JWT_OK},
      {"the token has no kid", without, {JWK(rs, "a", NULL)}, JWT_OK},
      {"no kid, the last of three",
       without,
       {JWK(rs2, "x", NULL), JWK(es, "y", NULL), JWK(rs, "z", NULL)},
       JWT_OK},
      {"an enc key of the same kid first",
       with_kid,
       {JWK(rs2, "a", "\"use\":\"enc\",\"alg\":\"RSA-OAEP\""), JWK(rs, "a", "\"use\":\"sig\"")},
       JWT_OK},
      {"two RSA keys of one kid", with_kid, {JWK(rs2, "a", NULL), JWK(rs, "a", NULL)}, JWT_OK},
      {"an EC key of the same kid first",
       with_kid,
       {JWK(es, "a", NULL), JWK(rs, "a", NULL)},
       JWT_OK},
      {"one kid three times, as Keycloak has it",
       "{\"alg\":\"PS256\",\"kid\":\"a\"}",
       {JWK(rs2, "a", "\"use\":\"enc\",\"alg\":\"RSA-OAEP\""), JWK(rs2, "a", "\"alg\":\"PS256\""),
        JWK(rs2, "a", "\"alg\":\"RS256\"")},
       JWT_SIGNATURE},
      {"the key is for another algorithm",
       with_kid,
       {JWK(rs, "a", "\"alg\":\"PS256\"")},
       JWT_NO_KEY},
      {"the key is for another algorithm of that name",
       with_kid,
       {JWK(rs, "a", "\"alg\":\"RS512\"")},
       JWT_NO_KEY},
      {"broken keys beside",
       with_kid,
       {strdup("{\"kid\":\"a\"}"), strdup("{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"kid\":\"a\"}"),
        JWK(rs, "a", NULL), strdup("null")},
       JWT_OK},
      {"kid is case-sensitive",
       "{\"alg\":\"RS256\",\"kid\":\"A\"}",
       {JWK(rs, "a", NULL)},
       JWT_NO_KEY},
      {"an empty kid is a kid",
       "{\"alg\":\"RS256\",\"kid\":\"\"}",
       {JWK(rs, "a", NULL)},
       JWT_NO_KEY},
      {"an empty kid", "{\"alg\":\"RS256\",\"kid\":\"\"}", {JWK(rs, "", NULL)}, JWT_OK},
      {"kid with signs",
       "{\"alg\":\"RS256\",\"kid\":\"x+/=..\\n\"}",
       {JWK(rs, "x+/=..\\n", NULL)},
       JWT_OK},
      {"another's key", with_kid, {JWK(rs2, "a", NULL)}, JWT_SIGNATURE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = 0;
    while (n < 4 && cases[i].keys[n] != NULL)
      n++;
    enum jwt_reason reason = by_set(&rs, cases[i].header, (const char *const *)cases[i].keys, n);
    if (reason != cases[i].wanted)
      fail_msg("%s: reason %d", cases[i].what, reason);
    while (n > 0)
      free(cases[i].keys[--n]);
  }

  /* Ed25519 is EdDSA, whichever of both the key and the token say. */
  static const char *const names[] = {"EdDSA", "Ed25519"};
  for (int a = 0; a < 2; a++)
    for (int b = 0; b < 2; b++) {
      char header[64], more[64];
      snprintf(header, sizeof header, "{\"alg\":\"%s\"}", names[a]);
      snprintf(more, sizeof more, "\"alg\":\"%s\"", names[b]);
      char *key = JWK(ed, "a", more);
      assert_int_equal(by_set(&ed, header, (const char *const[]){key}, 1), JWT_OK);
      free(key);
    }
  signer_fini(&rs);
  signer_fini(&rs2);
  signer_fini(&es);
  signer_fini(&ed);
}

/* One token may cost four checks of a signature, or eight if it names no key. */
static void tries_are_bounded(void **state)
{
  (void)state;
  struct signer right, wrong;
  signer_init(&right, "ES256");
  signer_init(&wrong, "ES256");
  for (int named = 0; named < 2; named++)
    for (int n = 0; n < 9; n++) {
      const char *keys[9];
      for (int i = 0; i < n; i++)
        keys[i] = signer_jwk(&wrong, "a", NULL);
      keys[n] = signer_jwk(&right, "a", NULL);
      enum jwt_reason reason =
          by_set(&right, named ? "{\"alg\":\"ES256\",\"kid\":\"a\"}" : "{\"alg\":\"ES256\"}", keys,
                 (size_t)n + 1);
      assert_int_equal(reason, n < (named ? 4 : 8) ? JWT_OK : JWT_SIGNATURE);
      for (int i = 0; i <= n; i++)
        free((void *)(uintptr_t)keys[i]);
    }
  signer_fini(&right);
  signer_fini(&wrong);
}

static void sets_that_are_none(void **state)
{
  (void)state;
  static const struct {
    const char *text, *why;
  } cases[] = {
      {"", "empty"},
      {"<!DOCTYPE html><html>", "not JSON"},
      {"[]", "not a JSON object"},
      {"{}", "no array \"keys\""},
      {"{\"keys\":{}}", "no array \"keys\""},
      {"{\"keys\":[]}", "this key set is empty"},
      {"{\"keys\":[],\"keys\":[]}", "twice"},
      {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}", "none of the 1 keys"},
      {"{\"keys\":[1,2,3]}", "none of the 3 keys"},
      {"{\"keys\":[[[[[[[[[[]]]]]]]]]}", "deeper"},
  };
  char why[240];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    jwt_keyset_unref(parse(cases[i].text, false, why));
    if (strstr(why, cases[i].why) == NULL)
      fail_msg("%s: %s", cases[i].text, why);
  }
}

/* Keys that must not be taken, each beside a good one. */
static void bad_keys_are_skipped(void **state)
{
  (void)state;
#define P256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define P256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
  static const char good[] =
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}";
  static const struct {
    const char *key, *why;
  } cases[] = {
      {"{}", "without \"kty\""},
      {"{\"kty\":1}", "without \"kty\""},
      {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", "a kind that is not used"},
      {"{\"kty\":\"AKP\"}", "a kind that is not used"},
      {"{\"kty\":\"RSA\"}", "without \"n\""},
      {"{\"kty\":\"RSA\",\"n\":\"AQAB\"}", "without \"e\""},
      {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "less than 2048"},
      {"{\"kty\":\"RSA\",\"n\":\"A=AB\",\"e\":\"AQAB\"}", "not base64url"},
      {"{\"kty\":\"EC\",\"crv\":\"P-192\"}", "on a curve"},
      {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}",
       "on a curve"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\"}", "without \"y\""},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_Y "\",\"y\":\"" P256_X "\"}",
       "not on its curve"},
      {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}", "length"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA" P256_X "\",\"y\":\"" P256_Y "\"}", "\"x\""},
      {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" P256_X "\"}", "not Ed25519"},
      {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "32 bytes"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES384\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y
       "\"}",
       "does not fit"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"HS256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y
       "\"}",
       "does not fit"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"none\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y
       "\"}",
       "another algorithm"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y
       "\"}",
       "another algorithm"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"enc\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y
       "\"}",
       "not for signatures"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":[\"sig\"],\"x\":\"" P256_X "\",\"y\":\"" P256_Y
       "\"}",
       "not for signatures"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"key_ops\":[\"sign\"],\"x\":\"" P256_X
       "\",\"y\":\"" P256_Y "\"}",
       "not for signatures"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"key_ops\":\"verify\",\"x\":\"" P256_X
       "\",\"y\":\"" P256_Y "\"}",
       "not for signatures"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":7,\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}",
       "\"kid\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = NULL, why[240];
    assert_true(asprintf(&text, "{\"keys\":[%s,%s]}", cases[i].key, good) > 0);
    struct jwt_keyset *set = parse(text, true, why);
    assert_int_equal(jwt_keyset_count(set), 1);
    assert_int_equal(jwt_keyset_skipped(set), 1);
    if (strstr(jwt_keyset_skipped_why(set), cases[i].why) == NULL)
      fail_msg("%s: %s", cases[i].key, jwt_keyset_skipped_why(set));
    jwt_keyset_unref(set);
    free(text);
  }
}

/* What somebody publishes by mistake with his private key is used as the public key that it holds.
 */
static void private_parts_are_not_kept(void **state)
{
  (void)state;
  struct signer s;
  signer_init(&s, "RS256");
  struct jwt_keyset *set = signer_keys(&s, "a", "\"d\":\"AAAA\",\"p\":\"BBBB\",\"q\":\"CC\"");
  assert_int_equal(jwt_keyset_count(set), 1);
  jwt_keyset_unref(set);
  signer_fini(&s);
}

static char *pem_of(const struct signer *s, int what)
{
  BIO *bio = BIO_new(BIO_s_mem());
  char *data;
  if (what == 0) {
    PEM_write_bio_PUBKEY(bio, s->key);
  } else if (what == 1) {
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
    X509_gmtime_adj(X509_getm_notAfter(cert),
                    -3600); /* a key is a key, its certificate's age is not asked */
    X509_set_pubkey(cert, s->key);
    assert_true(X509_sign(cert, s->key, strcmp(s->alg, "EdDSA") == 0 ? NULL : EVP_sha256()) > 0);
    PEM_write_bio_X509(bio, cert);
    X509_free(cert);
  } else {
    PEM_write_bio_PrivateKey(bio, s->key, NULL, NULL, 0, NULL, NULL);
  }
  long len = BIO_get_mem_data(bio, &data);
  char *text = jwt_str_dup((struct plug_str){data, (size_t)len});
  BIO_free(bio);
  return text;
}

static void pem_files(void **state)
{
  (void)state;
  char why[240];
  for (int i = JWT_RS256; i < JWT_N_ALGS; i++) {
    struct signer s;
    signer_init(&s, all_algs[i]);
    for (int what = 0; what < 3; what++) {
      struct jwt_keyset *set = jwt_keyset_new();
      char *pem = pem_of(&s, what), *both = NULL;
      assert_true(asprintf(&both, "a comment before it\n%s\n\n", pem) > 0);
      bool good = jwt_keyset_add_pem(set, jwt_str(both), why);
      if (good != (what < 2))
        fail_msg("%s, %d: %s", all_algs[i], what, why);
      if (what == 2)
        assert_non_null(strstr(why, "private key"));
      if (good) {
        struct jwt_token token;
        struct jwt_fault fault;
        char header[64];
        /* its kid is ignored: a key from the configuration has none */
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"a thumbprint\"}", all_algs[i]);
        char *compact = sign(&s, header, "{}");
        assert_int_equal(jwt_token_parse(&token, jwt_str(compact), 16384, &fault), JWT_OK);
        assert_int_equal(jwt_keyset_verify(set, &token, JWT_ALGS_ALL, &fault), JWT_OK);
        jwt_token_fini(&token);
        free(compact);
        /* damaged in the middle */
        both[strlen(both) / 2] = '!';
        struct jwt_keyset *damaged = jwt_keyset_new();
        assert_false(jwt_keyset_add_pem(damaged, jwt_str(both), why));
        jwt_keyset_unref(damaged);
      }
      jwt_keyset_unref(set);
      free(both);
      free(pem);
    }
    signer_fini(&s);
  }
  static const char *const none[] = {"", "hello", "-----BEGIN PUBLIC KEY-----\n",
                                     "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                                     "{\"keys\":[]}"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    struct jwt_keyset *set = jwt_keyset_new();
    assert_false(jwt_keyset_add_pem(set, jwt_str(none[i]), why));
    jwt_keyset_unref(set);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(candidates),
      cmocka_unit_test(tries_are_bounded),
      cmocka_unit_test(sets_that_are_none),
      cmocka_unit_test(bad_keys_are_skipped),
      cmocka_unit_test(private_parts_are_not_kept),
      cmocka_unit_test(pem_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
