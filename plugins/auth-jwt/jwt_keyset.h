/* The keys that count at one time: immutable once built and shared by reference count, so that a
 * check that is under way keeps the set it began with. Built on one thread; then any thread. */
#ifndef JWT_KEYSET_H
#define JWT_KEYSET_H

#include "jwt_fault.h"
#include "jwt_key.h"

enum {
  JWT_MAX_KEYS = 256,
  JWT_MAX_TRIES = 4,        /* keys of one kid */
  JWT_MAX_TRIES_NO_KID = 8, /* keys when the token names none */
};

struct jwt_keyset; /* a count of references, keys */
struct jwt_known;

struct jwt_keyset *jwt_keyset_new(void); /* one reference; NULL when out of memory */
struct jwt_keyset *jwt_keyset_ref(struct jwt_keyset *set);
void jwt_keyset_unref(struct jwt_keyset *set); /* NULL is allowed */

/* Takes what key owns, also when it fails because the set is full. */
bool jwt_keyset_take(struct jwt_keyset *set, struct jwt_key *key);
/* Adds the keys of a JWK set (RFC 7517, 5); those of no use here are skipped and counted. False
 * when the text is no key set or holds no key that can be used. line: where, or 0. */
bool jwt_keyset_add_jwks(struct jwt_keyset *set, struct plug_str text, char why[240], int *line);
/* Adds the public keys and certificates of a PEM file. */
bool jwt_keyset_add_pem(struct jwt_keyset *set, struct plug_str text, char why[240]);

/* What it verifies is remembered there, and what is known there is not verified again. Borrowed,
 * for as long as the set is in use; before other threads have it. */
void jwt_keyset_remember(struct jwt_keyset *set, struct jwt_known *known);

size_t jwt_keyset_count(const struct jwt_keyset *set);
size_t jwt_keyset_skipped(const struct jwt_keyset *set);
/* What was wrong with the last one that was skipped; "" if none was. */
const char *jwt_keyset_skipped_why(const struct jwt_keyset *set);

/* Is the token signed by one of the keys, with one of the algorithms allowed? A key is a candidate
 * if its kid equals the token's (a key or a token without one fits any) and its kind, its use and
 * its own alg fit the token's algorithm. */
enum jwt_reason jwt_keyset_verify(const struct jwt_keyset *set, const struct jwt_token *token,
                                  jwt_algs allowed, struct jwt_fault *fault);

#endif
