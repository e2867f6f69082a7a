#include "jwt_known.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 8, HASH = SHA256_DIGEST_LENGTH };

/* A hash can stand in one set only. A slot of zeros is empty: no token has that hash. */
struct ways {
  unsigned char hash[WAYS][HASH];
};

struct jwt_known {
  const struct jwt_env *env;
  EVP_MD *sha256; /* looked up once: that takes longer than to hash a token */
  pthread_mutex_t mutex;
  size_t n_sets;
  struct ways *sets; /* under the mutex */
};

struct jwt_known *jwt_known_new(size_t n, const struct jwt_env *env)
{
  struct jwt_known *known = calloc(1, sizeof *known);
  if (known == NULL)
    return NULL;
  known->env = env;
  known->n_sets = (n + WAYS - 1) / WAYS;
  known->sets = calloc(known->n_sets, sizeof *known->sets);
  known->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  pthread_mutex_init(&known->mutex, NULL);
  if (known->sets != NULL && known->sha256 != NULL)
    return known;
  jwt_known_free(known);
  return NULL;
}

void jwt_known_free(struct jwt_known *known)
{
  if (known == NULL)
    return;
  EVP_MD_free(known->sha256);
  pthread_mutex_destroy(&known->mutex);
  free(known->sets);
  free(known);
}

bool jwt_known_hash(const struct jwt_known *known, const struct jwt_key *key,
                    const struct jwt_token *token, unsigned char hash[HASH])
{
  if (!key->has_print)
    return false;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  bool good = ctx != NULL && EVP_DigestInit_ex2(ctx, known->sha256, NULL) == 1 &&
              EVP_DigestUpdate(ctx, key->print, sizeof key->print) == 1 &&
              EVP_DigestUpdate(ctx, token->text.ptr, token->text.len) == 1 &&
              EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
  EVP_MD_CTX_free(ctx);
  return good;
}

static struct ways *set_of(struct jwt_known *known, const unsigned char *hash)
{
  uint64_t number;
  memcpy(&number, hash, sizeof number);
  return &known->sets[number % known->n_sets];
}

static bool is_in(const struct ways *set, const unsigned char *hash)
{
  for (int i = 0; i < WAYS; i++)
    if (memcmp(set->hash[i], hash, HASH) == 0)
      return true;
  return false;
}

bool jwt_known_has(struct jwt_known *known, const unsigned char hash[HASH])
{
  pthread_mutex_lock(&known->mutex);
  bool has = is_in(set_of(known, hash), hash);
  pthread_mutex_unlock(&known->mutex);
  if (has && known->env != NULL)
    jwt_count(known->env, JWT_M_KNOWN);
  return has;
}

/* The newest is the first, and the last one gives way. */
void jwt_known_add(struct jwt_known *known, const unsigned char hash[HASH])
{
  pthread_mutex_lock(&known->mutex);
  struct ways *set = set_of(known, hash);
  if (!is_in(set, hash)) { /* two threads may have verified the same */
    memmove(set->hash[1], set->hash[0], (WAYS - 1) * HASH);
    memcpy(set->hash[0], hash, HASH);
  }
  pthread_mutex_unlock(&known->mutex);
}
