/* The keys of the HTTP API: who shows one is its owner, with the rights that it was given. Owns
 * copies of their digests and names; read-only once made: any thread. */
#ifndef API_API_KEYRING_H
#define API_API_KEYRING_H

#include <stddef.h>

#include <plugboard/abi.h>

struct api_keyring;

#define API_DIGEST_BYTES 32

struct api_key {
  const char *name;
  unsigned rights; /* SETTINGS_API_..., or what the caller means by them */
  unsigned char digest[API_DIGEST_BYTES];
};

struct api_key_init {
  const char *name, *secret;
  unsigned rights;
};

/* NULL when out of memory. The names are borrowed. */
struct api_keyring *api_keyring_new(const struct api_key_init *init, size_t n);
void api_keyring_free(struct api_keyring *keys); /* NULL is nothing */

/* The key that was shown, or NULL. The time it takes depends on the length of what was shown and on
 * how many keys there are, not on where it differs. */
const struct api_key *api_keyring_find(const struct api_keyring *keys, struct plug_str shown);

#endif
