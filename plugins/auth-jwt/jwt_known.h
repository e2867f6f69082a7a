/* Tokens that have been verified already, by a hash each: who comes back with the same token, as
 * thousands do after a proxy's restart, does not cost a signature again. Only the signature is
 * known from before: claims, dates and whether the key still counts are judged each time. Bounded;
 * the newest replace others. Owns the hashes. Any thread, but for new and free. */
#ifndef JWT_KNOWN_H
#define JWT_KNOWN_H

#include <openssl/sha.h>

#include "jwt_env.h"
#include "jwt_key.h"

struct jwt_known;

/* For about n tokens, 32 bytes each. env: where they are counted, or NULL. NULL when out of memory.
 */
struct jwt_known *jwt_known_new(size_t n, const struct jwt_env *env);
void jwt_known_free(struct jwt_known *known); /* NULL is allowed */

/* What stands for the whole token, its signature included, verified by this very key: not under its
 * name, which another key may take over. False: nothing does (a secret's signature is no dearer
 * than this; or there is no memory). */
bool jwt_known_hash(const struct jwt_known *known, const struct jwt_key *key,
                    const struct jwt_token *token, unsigned char hash[SHA256_DIGEST_LENGTH]);
bool jwt_known_has(struct jwt_known *known, const unsigned char hash[SHA256_DIGEST_LENGTH]);
void jwt_known_add(struct jwt_known *known, const unsigned char hash[SHA256_DIGEST_LENGTH]);

#endif
