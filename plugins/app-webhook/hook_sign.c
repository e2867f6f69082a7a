#include "hook_sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plugboard/secret.h>

#include "base64.h"

static const char prefix[] = "whsec_";

bool hook_key_take(struct hook_key *key, struct plug_str text, char why[160])
{
  size_t skip = sizeof prefix - 1;
  *key = (struct hook_key){0};
  if (text.len > HOOK_KEY_MAX)
    return snprintf(why, 160, "the secret is longer than %d bytes", HOOK_KEY_MAX), false;
  unsigned char *bytes = malloc(text.len + 4);
  if (!bytes)
    return snprintf(why, 160, "out of memory"), false;
  *key = (struct hook_key){bytes, text.len};
  if (text.len >= skip && memcmp(text.ptr, prefix, skip) == 0) {
    struct plug_str base64 = {text.ptr + skip, text.len - skip};
    if (!base64.len || !base64_decode(base64, bytes, &key->len)) {
      hook_key_fini(key);
      return snprintf(why, 160, "what follows %s in the secret is not base64", prefix), false;
    }
  } else if (text.len) {
    memcpy(bytes, text.ptr, text.len);
  }
  if (key->len >= HOOK_KEY_MIN)
    return true;
  snprintf(why, 160,
           "the secret has %zu bytes, fewer than %d: whoever sees a request could find it "
           "by trying (openssl rand -base64 32 makes a good one)",
           key->len, HOOK_KEY_MIN);
  hook_key_fini(key);
  return false;
}

void hook_key_fini(struct hook_key *key)
{
  if (key->bytes)
    plug_secret_wipe(key->bytes, key->len);
  free(key->bytes);
  *key = (struct hook_key){0};
}

bool hook_sign(const struct hook_key *key, const char *id, const char *timestamp,
               struct plug_str body, char out[HOOK_SIGNATURE_SIZE])
{
  unsigned char digest[SHA256_DIGEST_LENGTH];
  unsigned len = 0;
  size_t id_len = strlen(id), time_len = strlen(timestamp);
  size_t size = id_len + 1 + time_len + 1 + body.len;
  char *text = malloc(size + 1);
  if (!text)
    return false;
  snprintf(text, size + 1, "%s.%s.", id, timestamp);
  if (body.len)
    memcpy(text + id_len + time_len + 2, body.ptr, body.len);
  bool good = HMAC(EVP_sha256(), key->bytes, (int)key->len, (const unsigned char *)text, size,
                   digest, &len) != NULL;
  free(text);
  memcpy(out, "v1,", 3);
  EVP_EncodeBlock((unsigned char *)out + 3, digest, SHA256_DIGEST_LENGTH);
  return good;
}
