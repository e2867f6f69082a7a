/* The signature of a request, by which a backend knows who asks: that of the Standard Webhooks
 * specification, HMAC-SHA256 over "ID.TIMESTAMP.BODY", written "v1,BASE64". A key owns its bytes
 * and wipes them. No I/O. Any thread; a key is used by one at a time. */
#ifndef HOOK_SIGN_H
#define HOOK_SIGN_H

#include <stdbool.h>

#include <plugboard/abi.h>

enum {
  HOOK_KEY_MIN = 24, /* bytes; shorter ones can be found by trying */
  HOOK_KEY_MAX = 1024,
  HOOK_SIGNATURE_SIZE = 3 + 44 + 1 /* "v1,", base64 of 32 bytes, NUL */
};

struct hook_key {
  unsigned char *bytes; /* NULL: there is none */
  size_t len;
};

/* The text is the key, or, behind "whsec_", base64 of it. False with a sentence, without the
 * secret, in why. */
bool hook_key_take(struct hook_key *key, struct plug_str text, char why[160]);
void hook_key_fini(struct hook_key *key);

/* False when out of memory. */
bool hook_sign(const struct hook_key *key, const char *id, const char *timestamp,
               struct plug_str body, char out[HOOK_SIGNATURE_SIZE]);

#endif
