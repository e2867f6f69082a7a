/* A keyed hash (SipHash-1-3) for tables whose keys clients choose: with a secret seed nobody can
 * prepare colliding keys. Any thread after hash_seed. Source: Aumasson and Bernstein, "SipHash: a
 * fast short-input PRF"; one compression and three finalisation rounds, as hash tables of several
 * languages use it. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <plugboard/abi.h>

/* Once, before threads start. Without it the seed is a fixed one, which tests rely on. */
void hash_seed(void);
uint64_t hash_bytes(const void *bytes, size_t len);

#endif
