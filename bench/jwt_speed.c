/* How many tokens auth-jwt verifies per second on one thread, per algorithm: the signature (the JWS
 * taken apart, the key chosen, the signature verified), and all of it with claims and identity.
 * usage: jwt_speed ALGORITHM SECONDS. Prints "ALGORITHM LENGTH SIGNATURES/S TOKENS/S" in CPU time.
 * jwt_speed.py runs it beside openssl speed. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "jwt_check.h"
#include "jwt_known.h"
#include "jwt_text.h"

static const char claims[] =
    "{\"exp\":4102444800,\"iat\":1700000000,\"jti\":\"onrtro:0a3c5e1c-6f0b-4bd1-9b38-"
    "1f7a6f3b2a10\","
    "\"iss\":\"https://id.example/realms/chat\",\"aud\":\"account\",\"sub\":"
    "\"7c1f8a3e-2f7e-4a1b-9a6e-0d8c1f2b3a4d\",\"typ\":\"Bearer\",\"azp\":\"web\",\"sid\":"
    "\"XyZ0123456789abcdefghijk\",\"acr\":\"1\",\"realm_access\":{\"roles\":[\"offline_access\","
    "\"uma_authorization\",\"user\"]},\"scope\":\"openid email profile\",\"preferred_username\":"
    "\"alice\"}";

static double cpu_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
  fprintf(stderr, "jwt_speed: %s\n", what);
  exit(1);
}

/* ---- a token to verify, signed through cjose or, for EdDSA, OpenSSL */

static char *encode64(const char *text, size_t len)
{
  char *out = malloc(len * 4 / 3 + 8);
  int n = out != NULL ? EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len)
                      : 0;
  while (n > 0 && out[n - 1] == '=')
    n--;
  for (int i = 0; i < n; i++)
    out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
  if (out != NULL)
    out[n] = '\0';
  return out;
}

static char *sign_ed25519(struct jwt_key *key)
{
  EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  unsigned char sig[64];
  size_t len = sizeof sig;
  char *text = NULL, *signed_text = NULL, why[160];
  char *header = encode64("{\"alg\":\"EdDSA\",\"kid\":\"k\"}", 25);
  char *payload = encode64(claims, sizeof claims - 1);
  if (asprintf(&text, "%s.%s", header, payload) < 0 ||
      EVP_DigestSignInit(ctx, NULL, NULL, NULL, pair) != 1 ||
      EVP_DigestSign(ctx, sig, &len, (const unsigned char *)text, strlen(text)) != 1 ||
      !jwt_key_from_public(key, pair, why))
    die("cannot sign");
  char *signature = encode64((const char *)sig, len);
  if (asprintf(&signed_text, "%s.%s", text, signature) < 0)
    die("out of memory");
  free(text);
  free(header);
  free(payload);
  free(signature);
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(pair);
  return signed_text;
}

static char *sign(enum jwt_alg alg, struct jwt_key *key)
{
  cjose_err err;
  uint8_t e[] = {1, 0, 1};
  char why[160];
  if (alg == JWT_EDDSA)
    return sign_ed25519(key);
  enum jwt_kind kind = jwt_alg_kind(alg);
  cjose_jwk_t *jwk = kind == JWT_SECRET ? cjose_jwk_create_oct_random(512, &err)
                     : kind == JWT_RSA  ? cjose_jwk_create_RSA_random(2048, e, 3, &err)
                     : kind == JWT_P256 ? cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &err)
                     : kind == JWT_P384 ? cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_384, &err)
                                        : cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_521, &err);
  cjose_header_t *header = cjose_header_new(&err);
  const char *compact;
  if (jwk == NULL || !cjose_header_set(header, "alg", jwt_alg_name(alg), &err) ||
      !cjose_header_set(header, "kid", "k", &err))
    die("cannot make a key");
  cjose_jws_t *jws = cjose_jws_sign(jwk, header, (const uint8_t *)claims, sizeof claims - 1, &err);
  if (jws == NULL || !cjose_jws_export(jws, &compact, &err))
    die("cannot sign");
  char *text = strdup(compact);
  if (kind == JWT_SECRET) {
    if (!jwt_key_from_secret(key, cjose_jwk_get_keydata(jwk, &err),
                             cjose_jwk_get_keysize(jwk, &err) / 8))
      die("no key");
  } else {
    char *json = cjose_jwk_to_json(jwk, false, &err);
    json_t *parsed = json_loads(json, 0, NULL);
    if (!jwt_key_from_jwk(key, parsed, why))
      die(why);
    json_decref(parsed);
    free(json);
  }
  cjose_jws_release(jws);
  cjose_header_release(header);
  cjose_jwk_release(jwk);
  return text;
}

/* ---- measuring */

struct work {
  struct jwt_policy policy;
  struct jwt_keyset *keys;
  struct plug_str token;
};

static void verify_signature(const struct work *w)
{
  struct jwt_token token;
  struct jwt_fault fault;
  if (jwt_token_parse(&token, w->token, w->policy.max_token, &fault) != JWT_OK ||
      jwt_keyset_verify(w->keys, &token, w->policy.algs, &fault) != JWT_OK)
    die(fault.detail);
  jwt_token_fini(&token);
}

static void verify_all(const struct work *w)
{
  struct jwt_verdict verdict;
  if (jwt_check(&w->policy, w->keys, w->token, 1700000001, &verdict) != JWT_OK)
    die(verdict.fault.detail);
  jwt_verdict_fini(&verdict);
}

static double per_second(void (*fn)(const struct work *), const struct work *w, double seconds)
{
  double begin = cpu_s(), used;
  unsigned long n = 0;
  do {
    for (int i = 0; i < 20; i++)
      fn(w);
    n += 20;
    used = cpu_s() - begin;
  } while (used < seconds);
  return (double)n / used;
}

int main(int argc, char **argv)
{
  struct work w = {0};
  struct jwt_key key;
  enum jwt_alg alg;
  char why[160];
  double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
  if (argc != 3 || !jwt_alg_find(jwt_str(argv[1]), &alg) || seconds <= 0)
    die("usage: jwt_speed ALGORITHM SECONDS");
  char *text = sign(alg, &key);
  w.token = jwt_str(text);
  w.keys = jwt_keyset_new();
  w.policy.max_token = 16384;
  w.policy.algs = JWT_ALG_BIT(alg);
  w.policy.leeway_s = 60;
  if (!jwt_keyset_take(w.keys, &key) || !jwt_paths_parse(&w.policy.user, jwt_str("sub"), why) ||
      !jwt_paths_parse(&w.policy.roles, jwt_str("realm_access.roles"), why) ||
      !jwt_texts_parse(&w.policy.issuers, jwt_str("https://id.example/realms/chat")) ||
      !jwt_texts_parse(&w.policy.clients, jwt_str("web")))
    die("out of memory");
  printf("%s %zu %.0f", argv[1], w.token.len, per_second(verify_signature, &w, seconds));
  printf(" %.0f", per_second(verify_all, &w, seconds));
  struct jwt_known *known = jwt_known_new(1024, NULL);
  if (known == NULL)
    die("out of memory");
  jwt_keyset_remember(w.keys, known);
  printf(" %.0f\n", per_second(verify_all, &w, seconds));
  jwt_policy_fini(&w.policy);
  jwt_keyset_unref(w.keys);
  jwt_known_free(known);
  free(text);
  return 0;
}
