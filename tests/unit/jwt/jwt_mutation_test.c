/* A good token of each algorithm, changed in hundreds of systematic ways: each must be refused, and
 * for the right reason. The signature is made anew where the change would otherwise be caught by
 * the signature alone. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jwt_known.h"
#include "signer.h"

#define NOW 1700000000.0
static const char claims[] = "{\"iss\":\"https://id.example\",\"sub\":\"alice\",\"aud\":\"chat\","
                             "\"exp\":1700000300,\"nbf\":1700000000,\"iat\":1700000000}";

static struct signer signers[JWT_N_ALGS];
static struct jwt_keyset *keys[JWT_N_ALGS];
static char *good[JWT_N_ALGS];
static struct jwt_known *known; /* of all of them: that a good token is known helps no other */
static struct jwt_policy policy;
static size_t n_refused;

static int set_up(void **state)
{
  (void)state;
  policy_init(&policy);
  assert_true(jwt_texts_parse(&policy.issuers, jwt_str("https://id.example")));
  assert_true(jwt_texts_parse(&policy.audiences, jwt_str("chat")));
  known = jwt_known_new(1024, NULL);
  assert_non_null(known);
  for (int i = 0; i < JWT_N_ALGS; i++) {
    signer_init(&signers[i], all_algs[i]);
    keys[i] = signer_keys(&signers[i], "k1", NULL);
    jwt_keyset_remember(keys[i], known);
    good[i] = sign_claims(&signers[i], claims);
  }
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  for (int i = 0; i < JWT_N_ALGS; i++) {
    free(good[i]);
    jwt_keyset_unref(keys[i]);
    signer_fini(&signers[i]);
  }
  jwt_known_free(known);
  jwt_policy_fini(&policy);
  print_message("%zu mutated tokens refused\n", n_refused);
  return 0;
}

static enum jwt_reason check_bytes(int alg, struct plug_str text, char detail[400])
{
  struct jwt_verdict verdict;
  enum jwt_reason reason = jwt_check(&policy, keys[alg], text, NOW, &verdict);
  assert_int_equal(reason, verdict.fault.reason);
  snprintf(detail, 400, "%s", verdict.fault.detail);
  /* One line of printable ASCII, and never the token. */
  for (const char *p = detail; *p != '\0'; p++)
    assert_true(isprint((unsigned char)*p));
  assert_true((reason == JWT_OK) == (detail[0] == '\0'));
  jwt_verdict_fini(&verdict);
  return reason;
}

static void refused_bytes(int alg, struct plug_str text, enum jwt_reason wanted, const char *what)
{
  char detail[400];
  enum jwt_reason reason = check_bytes(alg, text, detail);
  if (reason != wanted)
    fail_msg("%s, %s: reason %d instead of %d (%s)", all_algs[alg], what, reason, wanted, detail);
  n_refused++;
}

static void refused(int alg, const char *text, enum jwt_reason wanted, const char *what)
{
  refused_bytes(alg, jwt_str(text), wanted, what);
}

static void good_ones_pass(void **state)
{
  (void)state;
  char detail[400];
  for (int i = 0; i < JWT_N_ALGS; i++)
    if (check_bytes(i, jwt_str(good[i]), detail) != JWT_OK)
      fail_msg("%s: %s", all_algs[i], detail);
}

static void keys_of_others(void **state)
{
  (void)state;
  for (int i = 0; i < JWT_N_ALGS; i++)
    for (int k = 0; k < JWT_N_ALGS; k++) {
      bool fits = jwt_alg_kind((enum jwt_alg)i) == jwt_alg_kind((enum jwt_alg)k);
      if (i != k)
        refused(k, good[i], fits ? JWT_SIGNATURE : JWT_NO_KEY, "another's key");
    }
}

/* Bytes that have no business in a token, at the ends and at each border between the parts. */
static void stray_bytes(void **state)
{
  (void)state;
  static const char *const strays[] = {"=", "==", " ", "\t",   "\n", "\r\n",
                                       "+", "/",  "%", "\x80", "A"};
  for (int i = 0; i < JWT_N_ALGS; i++) {
    const char *dot1 = strchr(good[i], '.'), *dot2 = strchr(dot1 + 1, '.');
    const char *places[] = {
        good[i], dot1, dot1 + 1, dot2, dot2 + 1, dot2 + 3, good[i] + strlen(good[i])};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
      for (size_t s = 0; s < sizeof strays / sizeof *strays; s++) {
        char *text = NULL, detail[400];
        size_t at = (size_t)(places[p] - good[i]);
        assert_true(asprintf(&text, "%.*s%s%s", (int)at, good[i], strays[s], good[i] + at) > 0);
        enum jwt_reason reason = check_bytes(i, jwt_str(text), detail);
        /* "A" is in the alphabet: form or signature fail, whichever sees it first. */
        bool right = reason == JWT_MALFORMED || (*strays[s] == 'A' && reason == JWT_SIGNATURE);
        if (!right)
          fail_msg("%s, \"%s\" at %zu: reason %d (%s)", all_algs[i], strays[s], at, reason, detail);
        n_refused++;
        free(text);
      }
    /* A NUL byte too, which no C string would show. */
    size_t len = strlen(good[i]);
    char *nul = malloc(len + 1);
    memcpy(nul, good[i], len + 1);
    refused_bytes(i, (struct plug_str){nul, len + 1}, JWT_MALFORMED, "a NUL behind");
    free(nul);
  }
}

/* The last character of a part may have bits that do not count: the same bytes in another text. */
static void other_texts_of_the_same_bytes(void **state)
{
  (void)state;
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int i = 0; i < JWT_N_ALGS; i++) {
    char *dot1 = strchr(good[i], '.'), *dot2 = strchr(dot1 + 1, '.');
    char *ends[] = {dot1 - 1, dot2 - 1, good[i] + strlen(good[i]) - 1};
    char *starts[] = {good[i], dot1 + 1, dot2 + 1};
    for (int p = 0; p < 3; p++) {
      size_t rest = (size_t)(ends[p] - starts[p] + 1) % 4;
      char was = *ends[p];
      size_t value = (size_t)(strchr(alphabet, was) - alphabet), unused = rest == 2 ? 16 : 4;
      if (rest == 0)
        continue;
      for (size_t k = 1; k < unused; k++) {
        *ends[p] = alphabet[value ^ k];
        refused(i, good[i], JWT_MALFORMED, "bits that do not count");
      }
      *ends[p] = was;
    }
  }
}

static void cut_off(void **state)
{
  (void)state;
  for (int i = 0; i < JWT_N_ALGS; i++) {
    size_t len = strlen(good[i]);
    for (size_t n = 0; n < len; n += n < 8 || len - n < 8 ? 1 : 7) {
      char *text = strndup(good[i], n), detail[400];
      size_t dots = 0;
      for (const char *c = text; *c != '\0'; c++)
        dots += *c == '.';
      enum jwt_reason reason = check_bytes(i, jwt_str(text), detail);
      if (dots == 0)
        assert_int_equal(reason, JWT_OPAQUE);
      else if (dots == 1)
        assert_int_equal(reason, JWT_MALFORMED);
      else
        assert_true(reason == JWT_MALFORMED || reason == JWT_SIGNATURE);
      n_refused++;
      free(text);
    }
  }
}

static void parts_exchanged(void **state)
{
  (void)state;
  for (int i = 0; i < JWT_N_ALGS; i++) {
    char *header = strdup(good[i]), *payload, *signature, *text = NULL;
    payload = strchr(header, '.');
    *payload++ = '\0';
    signature = strchr(payload, '.');
    *signature++ = '\0';
    const char *parts[] = {header, payload, signature, ""};
    for (int a = 0; a < 4; a++)
      for (int b = 0; b < 4; b++)
        for (int c = 0; c < 4; c++) {
          char detail[400];
          if (a == 0 && b == 1 && c == 2)
            continue;
          assert_true(asprintf(&text, "%s.%s.%s", parts[a], parts[b], parts[c]) > 0);
          enum jwt_reason reason = check_bytes(i, jwt_str(text), detail);
          assert_int_not_equal(reason, JWT_OK);
          if (a == 0 && c != 3)
            assert_int_equal(reason, JWT_SIGNATURE);
          n_refused++;
          free(text);
        }
    static const char *const forms[] = {"%s.%s.%s.", ".%s.%s.%s", "%s.%s.%s..", "%s.%s.%s.%s.%s"};
    static const enum jwt_reason wanted[] = {JWT_MALFORMED, JWT_MALFORMED, JWT_ENCRYPTED,
                                             JWT_ENCRYPTED};
    for (int f = 0; f < 4; f++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      assert_true(asprintf(&text, forms[f], header, payload, signature, "x", "y") > 0);
#pragma GCC diagnostic pop
      refused(i, text, wanted[f], forms[f]);
      free(text);
    }
    free(header);
  }
}

/* The algorithm that the header names is the sender's wish, never our choice. */
static void other_algorithms(void **state)
{
  (void)state;
  static const char *const never[] = {
      "none",   "None",   "NONE", "nOnE", "",       "HS1",          "hs256", "RS256 ",  "RSA",
      "ES256K", "HS2560", "PS1",  "dir",  "A128KW", "RS256\\u0000", "Ed448", "ed25519", "RSA-OAEP"};
  for (int i = 0; i < JWT_N_ALGS; i++) {
    char header[128];
    for (size_t n = 0; n < sizeof never / sizeof *never; n++) {
      snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k1\"}", never[n]);
      char *text = sign(&signers[i], header, claims);
      refused(i, text, strchr(never[n], '\\') != NULL ? JWT_MALFORMED : JWT_ALGORITHM, never[n]);
      /* and without a signature, as "none" has it */
      *(strrchr(text, '.') + 1) = '\0';
      refused(i, text, strchr(never[n], '\\') != NULL ? JWT_MALFORMED : JWT_ALGORITHM, never[n]);
      free(text);
    }
    for (int k = 0; k < JWT_N_ALGS; k++) {
      if (k == i)
        continue;
      snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k1\"}", all_algs[k]);
      char *text = sign(&signers[i], header, claims);
      bool fits = jwt_alg_kind((enum jwt_alg)i) == jwt_alg_kind((enum jwt_alg)k);
      refused(i, text, fits ? JWT_SIGNATURE : JWT_NO_KEY, "signed with another algorithm");
      free(text);
    }
  }
}

/* The public key as the secret of an HMAC, in the forms in which people have it. */
static void key_confusion(void **state)
{
  (void)state;
  for (int i = JWT_RS256; i < JWT_N_ALGS; i++) {
    char *jwk = signer_jwk(&signers[i], "k1", NULL);
    struct signer forger = {.alg = "HS256"};
    memcpy(forger.secret, jwk, sizeof forger.secret);
    char *text = sign_claims(&forger, claims);
    refused(i, text, JWT_NO_KEY, "HMAC with the public key");
    free(text);
    free(jwk);
  }
}

static void headers(void **state)
{
  (void)state;
  static const struct {
    const char *header; /* %s is the algorithm */
    enum jwt_reason wanted;
  } cases[] = {
      {"{\"alg\":\"%s\",\"crit\":[\"exp\"]}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"crit\":[]}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"crit\":null}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"crit\":[\"b64\"],\"b64\":false}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"b64\":false}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"b64\":true}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"jku\":\"https://evil.example/keys\"}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"x5u\":\"https://evil.example/cert\"}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"x5c\":[\"MIIB\"]}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"zip\":\"DEF\"}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"enc\":\"A128GCM\"}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"cty\":\"JWT\"}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"cty\":\"application/jwt\"}", JWT_UNSUPPORTED},
      {"{\"alg\":\"%s\",\"kid\":1}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"kid\":null}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"kid\":[\"k1\"]}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"kid\":\"k1\\u0000\"}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"typ\":{}}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"alg\":\"none\"}", JWT_MALFORMED},
      {"{\"alg\":\"none\",\"alg\":\"%s\"}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"kid\":\"k1\",\"kid\":\"k2\"}", JWT_MALFORMED},
      {"{\"alg\":[\"%s\"]}", JWT_MALFORMED},
      {"{\"alg\":{\"a\":\"%s\"}}", JWT_MALFORMED},
      {"{\"ALG\":\"%s\"}", JWT_MALFORMED},
      {"{\"al\\u0067\":\"%s\",\"alg\":\"none\"}", JWT_MALFORMED},
      {"[{\"alg\":\"%s\"}]", JWT_MALFORMED},
      {"\"%s\"", JWT_MALFORMED},
      {"{\"alg\":\"%s\"", JWT_MALFORMED},
      {"{\"alg\":\"%s\"}}", JWT_MALFORMED},
      {"{\"alg\":\"%s\"} x", JWT_MALFORMED},
      {"{\"alg\":\"%s\",}", JWT_MALFORMED},
      {"{'alg':'%s'}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"x\":[[[[1]]]]}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"x\":\"\xff\"}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"x\":\"\xed\xa0\x80\"}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"x\":\"\n\"}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"x\":1e999}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"x\":NaN}", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"x\":01}", JWT_MALFORMED},
      {"\xef\xbb\xbf{\"alg\":\"%s\"}", JWT_MALFORMED},
      {"%.0s{}", JWT_MALFORMED},
      {"%.0s", JWT_MALFORMED},
      {"%.0snull", JWT_MALFORMED},
      {"{\"alg\":\"%s\",\"typ\":\"logout+jwt\"}", JWT_KIND},
      {"{\"alg\":\"%s\",\"typ\":\"application/LOGOUT+jwt\"}", JWT_KIND},
      {"{\"alg\":\"%s\",\"typ\":\"dpop+jwt\"}", JWT_KIND},
      {"{\"alg\":\"%s\",\"typ\":\"secevent+jwt\"}", JWT_KIND},
      {"{\"alg\":\"%s\",\"typ\":\"rt+jwt\"}", JWT_KIND},
  };
  static const char *const fine[] = {
      "{\"alg\":\"%s\"}",
      "{\"typ\":\"JWT\",\"alg\":\"%s\"}",
      "{\"alg\":\"%s\",\"typ\":\"at+jwt\"}",
      "{\"alg\":\"%s\",\"typ\":\"application/at+JWT\"}",
      "{\"alg\":\"%s\",\"typ\":\"oct\"}",
      "{\"alg\":\"%s\",\"typ\":\"RSA\"}",
      " {\n\"alg\" : \"%s\" }\r\n",
      "{\"alg\":\"%s\",\"x5t\":\"abc\",\"x5t#S256\":\"def\",\"own\":{\"a\":[1]}}",
  };
  for (int i = 0; i < JWT_N_ALGS; i++) {
    char header[256], detail[400];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
      snprintf(header, sizeof header, cases[n].header, all_algs[i]);
      char *text = sign(&signers[i], header, claims);
      refused(i, text, cases[n].wanted, header);
      free(text);
    }
    for (size_t n = 0; n < sizeof fine / sizeof *fine; n++) {
      snprintf(header, sizeof header, fine[n], all_algs[i]);
      char *text = sign(&signers[i], header, claims);
      if (check_bytes(i, jwt_str(text), detail) != JWT_OK)
        fail_msg("%s: %s", header, detail);
      free(text);
    }
#pragma GCC diagnostic pop
  }
}

/* Signed by the right key, and still no good. */
static void signed_claims(void **state)
{
  (void)state;
#define BASE "\"iss\":\"https://id.example\",\"aud\":\"chat\",\"sub\":\"alice\",\"exp\":1700000300"
  static const struct {
    const char *claims;
    enum jwt_reason wanted;
  } cases[] = {
      {"", JWT_MALFORMED},
      {"null", JWT_MALFORMED},
      {"[]", JWT_MALFORMED},
      {"\"claims\"", JWT_MALFORMED},
      {"{" BASE, JWT_MALFORMED},
      {"{" BASE "} ", JWT_OK},
      {"{" BASE "}{}", JWT_MALFORMED},
      {"{" BASE ",\"sub\":\"bob\"}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":1800000000}", JWT_MALFORMED},
      {"{" BASE ",\"aud\":\"chat\"}", JWT_MALFORMED},
      {"{" BASE ",\"s\\u0075b\":\"bob\"}", JWT_MALFORMED},
      {"{" BASE ",\"a\":{\"b\":1,\"b\":2}}", JWT_MALFORMED},
      {"{" BASE ",\"a\":\"\\u0000\"}", JWT_MALFORMED},
      {"{" BASE ",\"\\u0000\":1}", JWT_MALFORMED},
      {"{" BASE ",\"a\":\"\xc0\xaf\"}", JWT_MALFORMED},
      {"{" BASE ",\"a\":1e400}", JWT_MALFORMED},
      {"{" BASE ",\"a\":9223372036854775808}", JWT_MALFORMED},
      {"{" BASE ",\"a\":9223372036854775807}", JWT_OK},
      {"{" BASE ",\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", JWT_OK},
      {"{" BASE ",\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", JWT_MALFORMED},
      {"{" BASE ",\"a\":\"[[[[[[[[[[[[[[[[[[[[[[\"}", JWT_OK},
      {"{" BASE ",\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[\"}", JWT_OK},
      {"{" BASE ",\"cnf\":{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}}", JWT_BOUND},
      {"{" BASE ",\"cnf\":{}}", JWT_BOUND},
      {"{" BASE ",\"typ\":\"ID\"}", JWT_KIND},
      {"{" BASE ",\"typ\":\"Refresh\"}", JWT_KIND},
      {"{" BASE ",\"typ\":\"Offline\"}", JWT_KIND},
      {"{" BASE ",\"typ\":\"Logout\"}", JWT_KIND},
      {"{" BASE ",\"typ\":\"Bearer\"}", JWT_OK},
      {"{" BASE ",\"token_use\":\"id\"}", JWT_KIND},
      {"{" BASE ",\"token_use\":\"access\"}", JWT_OK},
#undef BASE
#define BASE "\"iss\":\"https://id.example\",\"aud\":\"chat\",\"sub\":\"alice\""
      {"{" BASE ",\"exp\":\"1700000300\"}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":true}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":[1700000300]}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":{}}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":1700000300000}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":9223372036854775807}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":1e300}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":-1e300}", JWT_MALFORMED},
      {"{" BASE ",\"exp\":-1}", JWT_EXPIRED},
      {"{" BASE ",\"exp\":0}", JWT_EXPIRED},
      {"{" BASE ",\"exp\":1699999940}", JWT_EXPIRED},
      {"{" BASE ",\"exp\":1699999940.5}", JWT_OK},
      {"{" BASE ",\"exp\":1699999941}", JWT_OK},
      {"{" BASE ",\"exp\":1.7000003e9}", JWT_OK},
      {"{" BASE ",\"nbf\":1700000061}", JWT_NOT_YET},
      {"{" BASE ",\"nbf\":1700000060}", JWT_OK},
      {"{" BASE ",\"nbf\":1700000060.5}", JWT_NOT_YET},
      {"{" BASE ",\"nbf\":\"0\"}", JWT_MALFORMED},
      {"{" BASE ",\"nbf\":false}", JWT_MALFORMED},
      {"{" BASE ",\"iat\":\"0\"}", JWT_MALFORMED},
      {"{" BASE ",\"iat\":1700009999}", JWT_OK},
      {"{" BASE ",\"nbf\":null,\"iat\":null,\"exp\":null}", JWT_OK},
#undef BASE
      {"{\"aud\":\"chat\",\"sub\":\"alice\"}", JWT_ISSUER},
      {"{\"iss\":\"https://id.example/\",\"aud\":\"chat\",\"sub\":\"alice\"}", JWT_ISSUER},
      {"{\"iss\":\"https://ID.example\",\"aud\":\"chat\",\"sub\":\"alice\"}", JWT_ISSUER},
      {"{\"iss\":\"\",\"aud\":\"chat\",\"sub\":\"alice\"}", JWT_ISSUER},
      {"{\"iss\":[\"https://id.example\"],\"aud\":\"chat\",\"sub\":\"alice\"}", JWT_ISSUER},
      {"{\"iss\":\"https://id.example\",\"sub\":\"alice\"}", JWT_AUDIENCE},
      {"{\"iss\":\"https://id.example\",\"aud\":\"\",\"sub\":\"alice\"}", JWT_AUDIENCE},
      {"{\"iss\":\"https://id.example\",\"aud\":\"Chat\",\"sub\":\"alice\"}", JWT_AUDIENCE},
      {"{\"iss\":\"https://id.example\",\"aud\":[],\"sub\":\"alice\"}", JWT_AUDIENCE},
      {"{\"iss\":\"https://id.example\",\"aud\":{\"chat\":1},\"sub\":\"alice\"}", JWT_AUDIENCE},
      {"{\"iss\":\"https://id.example\",\"aud\":[\"a\",\"b\"],\"sub\":\"alice\"}", JWT_AUDIENCE},
      {"{\"iss\":\"https://id.example\",\"aud\":[\"a\",\"chat\"],\"sub\":\"alice\"}", JWT_OK},
      {"{\"iss\":\"https://id.example\",\"aud\":[1,\"chat\"],\"sub\":\"alice\"}", JWT_MALFORMED},
#define BASE "\"iss\":\"https://id.example\",\"aud\":\"chat\""
      {"{" BASE "}", JWT_USER},
      {"{" BASE ",\"sub\":null}", JWT_USER},
      {"{" BASE ",\"sub\":\"\"}", JWT_USER},
      {"{" BASE ",\"sub\":true}", JWT_USER},
      {"{" BASE ",\"sub\":1.5}", JWT_USER},
      {"{" BASE ",\"sub\":[\"alice\"]}", JWT_USER},
      {"{" BASE ",\"sub\":{\"alice\":1}}", JWT_USER},
      {"{" BASE ",\"sub\":\"a\\nb\"}", JWT_USER},
      {"{" BASE ",\"sub\":\"a\\u007fb\"}", JWT_USER},
      {"{" BASE ",\"sub\":42}", JWT_OK},
      {"{" BASE ",\"sub\":\"auth0|123456\"}", JWT_OK},
      {"{" BASE ",\"sub\":\"zo\xc3\xab@ex ample/x\"}", JWT_OK},
#undef BASE
  };
  char detail[400];
  for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
    const int few[] = {JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA};
    for (size_t k = 0; k < sizeof few / sizeof *few; k++) {
      char *text = sign_claims(&signers[few[k]], cases[n].claims);
      if (cases[n].wanted != JWT_OK)
        refused(few[k], text, cases[n].wanted, cases[n].claims);
      else if (check_bytes(few[k], jwt_str(text), detail) != JWT_OK)
        fail_msg("%s: %s", cases[n].claims, detail);
      /* With a signature that is not right none of it matters. */
      text[strlen(text) - 10] = text[strlen(text) - 10] == 'A' ? 'B' : 'A';
      refused(few[k], text, JWT_SIGNATURE, cases[n].claims);
      free(text);
    }
  }
}

static void sizes(void **state)
{
  (void)state;
  char *big = malloc(20000), detail[400];
  int n = snprintf(big, 20000,
                   "{\"iss\":\"https://id.example\",\"aud\":\"chat\",\"sub\":\"alice\",\"x\":\"");
  memset(big + n, 'x', 12000 - (size_t)n - 2);
  memcpy(big + 11998, "\"}", 3);
  char *text = sign_claims(&signers[JWT_HS256], big);
  assert_true(strlen(text) < 16384);
  assert_int_equal(check_bytes(JWT_HS256, jwt_str(text), detail), JWT_OK);
  free(text);
  memset(big + n, 'x', 19000 - (size_t)n);
  memcpy(big + 18998, "\"}", 3);
  text = sign_claims(&signers[JWT_HS256], big);
  refused(JWT_HS256, text, JWT_TOO_LARGE, "17 KB and more");
  free(text);
  /* a header of 8 KB, a kid of 2,000 characters, a signature of 4 KB */
  memcpy(big, "{\"alg\":\"HS256\",\"kid\":\"", 22);
  memset(big + 22, 'k', 8000);
  memcpy(big + 8000, "\"}", 3);
  text = sign(&signers[JWT_HS256], big, claims);
  refused(JWT_HS256, text, JWT_MALFORMED, "a header of 8 KB");
  free(text);
  memcpy(big + 2022, "\"}", 3);
  text = sign(&signers[JWT_HS256], big, claims);
  assert_int_equal(check_bytes(JWT_HS256, jwt_str(text), detail), JWT_OK);
  free(text);
  text = NULL;
  memset(big, 'A', 4000);
  big[4000] = '\0';
  assert_true(asprintf(&text, "%.*s.%s", (int)(strrchr(good[JWT_RS256], '.') - good[JWT_RS256]),
                       good[JWT_RS256], big) > 0);
  refused(JWT_RS256, text, JWT_MALFORMED, "a signature of 3 KB");
  free(text);
  free(big);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_ones_pass),
      cmocka_unit_test(keys_of_others),
      cmocka_unit_test(stray_bytes),
      cmocka_unit_test(other_texts_of_the_same_bytes),
      cmocka_unit_test(cut_off),
      cmocka_unit_test(parts_exchanged),
      cmocka_unit_test(other_algorithms),
      cmocka_unit_test(key_confusion),
      cmocka_unit_test(headers),
      cmocka_unit_test(signed_claims),
      cmocka_unit_test(sizes),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
