/* Tokens for a benchmark: N of N users, signed by RS256 with a key made here, in the form that
 * Keycloak gives access tokens. usage: make_tokens N DIRECTORY. Writes DIRECTORY/tokens, one on
 * each line, and DIRECTORY/public.pem. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KEY_BITS = 2048, SIGNATURE_MAX = 512, TEXT_MAX = 4096, LIFE_S = 86400 };

static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"benchmark\"}";

static void die(const char *what)
{
  fprintf(stderr, "make_tokens: %s\n", what);
  exit(1);
}

static FILE *open_in(const char *directory, const char *name)
{
  char path[TEXT_MAX];
  int n = snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *f = n > 0 && (size_t)n < sizeof path ? fopen(path, "we") : NULL;
  if (!f) {
    perror(path);
    exit(1);
  }
  return f;
}

/* Base64url without padding; returns the length. */
static size_t encode(char *out, const void *data, size_t len)
{
  int n = EVP_EncodeBlock((unsigned char *)out, data, (int)len);
  while (n > 0 && out[n - 1] == '=')
    n--;
  for (int i = 0; i < n; i++)
    out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
  return (size_t)n;
}

static void write_token(FILE *f, EVP_PKEY *key, unsigned number, long now)
{
  char claims[TEXT_MAX], text[2 * TEXT_MAX];
  unsigned char signature[SIGNATURE_MAX];
  size_t signature_len = sizeof signature;
  int n = snprintf(
      claims, sizeof claims,
      "{\"exp\":%ld,\"iat\":%ld,\"jti\":\"onrtro:0a3c5e1c-6f0b-4bd1-9b38-%012u\",\"iss\":"
      "\"https://id.example/realms/chat\",\"aud\":\"account\",\"sub\":\"7c1f8a3e-2f7e-4a1b-9a6e-"
      "%012u\",\"typ\":\"Bearer\",\"azp\":\"web\",\"sid\":\"XyZ0123456789abcd%08u\",\"acr\":\"1\","
      "\"allowed-origins\":[\"https://chat.example\"],\"realm_access\":{\"roles\":[\"default-"
      "roles-chat\",\"offline_access\",\"uma_authorization\",\"user\"]},\"resource_access\":{"
      "\"account\":{\"roles\":[\"manage-account\",\"manage-account-links\",\"view-profile\"]}},"
      "\"scope\":\"openid email profile\",\"email_verified\":true,\"name\":\"User Number %u\","
      "\"preferred_username\":\"user%u\",\"email\":\"user%u@chat.example\",\"userId\":%u}",
      now + LIFE_S, now, number, number, number, number, number, number, number);
  size_t len = encode(text, header, sizeof header - 1);
  text[len++] = '.';
  len += encode(text + len, claims, (size_t)n);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
      EVP_DigestSign(ctx, signature, &signature_len, (const unsigned char *)text, len) != 1)
    die("cannot sign");
  EVP_MD_CTX_free(ctx);
  text[len++] = '.';
  len += encode(text + len, signature, signature_len);
  fprintf(f, "%.*s\n", (int)len, text);
}

int main(int argc, char **argv)
{
  char *end = NULL;
  unsigned long n = argc == 3 ? strtoul(argv[1], &end, 10) : 0;
  if (argc != 3 || *end || n < 1 || n > 1000000)
    die("usage: make_tokens N DIRECTORY, N from 1 to 1000000");
  EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
  FILE *public = open_in(argv[2], "public.pem"), *tokens = open_in(argv[2], "tokens");
  if (!key || PEM_write_PUBKEY(public, key) != 1)
    die("cannot make a key");
  long now = (long)time(NULL);
  for (unsigned i = 0; i < n; i++)
    write_token(tokens, key, i, now);
  EVP_PKEY_free(key);
  if (fclose(public) || fclose(tokens))
    die("cannot write");
  return 0;
}
