/* Tokens: whatever a client sends, and whatever claims somebody has signed. Input without a NUL
 * byte is a token as it is; otherwise what is before the first NUL byte is a header and what is
 * behind it the claims, and both are signed with the key. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jwt_check.h"
#include "jwt_text.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwt_policy policy;
static struct jwt_keyset *keys;
static const unsigned char secret[] = "a secret of 32 bytes or a bit more";

static const char jwks[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":"
                           "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e"
                           "8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
                           "{\"kty\":\"OKP\",\"crv\":"
                           "\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
  struct jwt_key key;
  char why[240];
  int line;
  (void)argc;
  (void)argv;
  policy.max_token = 16384;
  policy.algs = JWT_ALGS_ALL;
  policy.leeway_s = 60;
  policy.allow_no_expiry = true;
  keys = jwt_keyset_new();
  if (!jwt_key_from_secret(&key, secret, sizeof secret - 1) || !jwt_keyset_take(keys, &key) ||
      !jwt_keyset_add_jwks(keys, jwt_str(jwks), why, &line) ||
      !jwt_paths_parse(&policy.user, jwt_str("sub, username"), why) ||
      !jwt_paths_parse(&policy.roles, jwt_str("roles, realm_access.roles, scope"), why) ||
      !jwt_policy_require(&policy, jwt_str("type=access"), why) ||
      !jwt_policy_attributes(&policy, jwt_str("userId, all=deep.er"), why) ||
      !jwt_path_parse(&policy.permissions, jwt_str("may"), why))
    abort();
  policy.has_permissions = true;
  return 0;
}

static char *encode64(const uint8_t *p, size_t len, char *out)
{
  /* EVP writes the other alphabet and padding */
  int n = EVP_EncodeBlock((unsigned char *)out, p, (int)len);
  while (n > 0 && out[n - 1] == '=')
    n--;
  for (int i = 0; i < n; i++)
    out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
  out[n] = '\0';
  return out + n;
}

static void judge(struct plug_str text)
{
  struct jwt_verdict verdict;
  enum jwt_reason reason = jwt_check(&policy, keys, text, 1.7e9, &verdict);
  if (reason != verdict.fault.reason || (reason == JWT_OK) != (verdict.fault.detail[0] == '\0'))
    abort();
  for (const char *p = verdict.fault.detail; *p != '\0'; p++)
    if (*p < 0x20 || *p > 0x7E)
      abort(); /* it goes into a log line */
  if (reason == JWT_OK &&
      (verdict.identity.who.user.len == 0 || verdict.identity.who.user.len > 255))
    abort();
  jwt_verdict_fini(&verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
  if (nul == NULL) {
    char *copy = malloc(size + 1); /* so that a byte too many is noticed */
    memcpy(copy, data, size);
    judge((struct plug_str){copy, size});
    free(copy);
    return 0;
  }
  size_t head = (size_t)(nul - data);
  char *text = malloc(size * 2 + 128), *end = encode64(data, head, text);
  *end++ = '.';
  end = encode64(nul + 1, size - head - 1, end);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  HMAC(EVP_sha256(), secret, sizeof secret - 1, (const unsigned char *)text, (size_t)(end - text),
       mac, &n);
  *end++ = '.';
  end = encode64(mac, n, end);
  judge((struct plug_str){text, (size_t)(end - text)});
  free(text);
  return 0;
}
