#include "api/api_keyring.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/str.h"

struct api_keyring {
  size_t n;
  struct api_key keys[];
};

static bool digest(struct plug_str text, unsigned char out[API_DIGEST_BYTES])
{
  unsigned int len = 0;
  return EVP_Digest(text.ptr ? text.ptr : "", text.len, out, &len, EVP_sha256(), NULL) == 1 &&
         len == API_DIGEST_BYTES;
}

struct api_keyring *api_keyring_new(const struct api_key_init *init, size_t n)
{
  struct api_keyring *keys = calloc(1, sizeof *keys + n * sizeof *keys->keys);
  if (!keys)
    return NULL;
  for (; keys->n < n; keys->n++) {
    struct api_key *key = &keys->keys[keys->n];
    key->name = init[keys->n].name;
    key->rights = init[keys->n].rights;
    if (!digest(str_of(init[keys->n].secret), key->digest)) {
      api_keyring_free(keys);
      return NULL;
    }
  }
  return keys;
}

void api_keyring_free(struct api_keyring *keys)
{
  if (keys)
    OPENSSL_cleanse(keys->keys, keys->n * sizeof *keys->keys);
  free(keys);
}

/* Digests are compared, all of them and whole: a time that could be measured would tell about a
 * digest, from which nobody gets a key. */
const struct api_key *api_keyring_find(const struct api_keyring *keys, struct plug_str shown)
{
  unsigned char theirs[API_DIGEST_BYTES];
  const struct api_key *found = NULL;
  if (!digest(shown, theirs))
    return NULL;
  for (size_t i = 0; i < keys->n; i++)
    if (CRYPTO_memcmp(theirs, keys->keys[i].digest, sizeof theirs) == 0)
      found = &keys->keys[i];
  return found;
}
