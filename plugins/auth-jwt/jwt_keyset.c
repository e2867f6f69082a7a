#include "jwt_keyset.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jwt_known.h"
#include "jwt_text.h"
#include "strict_json.h"

enum { JWKS_DEPTH = 8 };

struct jwt_keyset {
  _Atomic int refs;
  struct jwt_known *known; /* NULL: nothing is remembered */
  size_t n, skipped;
  char skipped_why[160];
  struct jwt_key keys[JWT_MAX_KEYS];
};

struct jwt_keyset *jwt_keyset_new(void)
{
  struct jwt_keyset *set = calloc(1, sizeof *set);
  if (set != NULL)
    atomic_init(&set->refs, 1);
  return set;
}

struct jwt_keyset *jwt_keyset_ref(struct jwt_keyset *set)
{
  atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
  return set;
}

void jwt_keyset_unref(struct jwt_keyset *set)
{
  if (set == NULL || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < set->n; i++)
    jwt_key_fini(&set->keys[i]);
  free(set);
}

bool jwt_keyset_take(struct jwt_keyset *set, struct jwt_key *key)
{
  if (set->n == JWT_MAX_KEYS) {
    jwt_key_fini(key);
    return false;
  }
  set->keys[set->n++] = *key;
  return true;
}

static void skip(struct jwt_keyset *set, const char *why)
{
  set->skipped++;
  snprintf(set->skipped_why, sizeof set->skipped_why, "%s", why);
}

bool jwt_keyset_add_jwks(struct jwt_keyset *set, struct plug_str text, char why[240], int *line)
{
  char reason[160];
  json_t *json = strict_json_parse(text, JWKS_DEPTH, reason, line), *jwk;
  if (json == NULL) {
    snprintf(why, 240, "this is no key set: %s", reason);
    return false;
  }
  json_t *keys = json_object_get(json, "keys");
  size_t i, before = set->n;
  bool good = false;
  if (!json_is_array(keys)) {
    snprintf(why, 240, "this is no key set: it has no array \"keys\"");
  } else if (json_array_size(keys) > JWT_MAX_KEYS) {
    snprintf(why, 240, "this key set holds more than %d keys", JWT_MAX_KEYS);
  } else {
    json_array_foreach(keys, i, jwk)
    {
      struct jwt_key key;
      if (!jwt_key_from_jwk(&key, jwk, reason))
        skip(set, reason);
      else if (!jwt_keyset_take(set, &key))
        skip(set, "a key too many");
    }
    good = set->n > before;
    if (!good && set->skipped == 0)
      snprintf(why, 240, "this key set is empty");
    else if (!good)
      snprintf(why, 240, "none of the %zu keys of this set can be used, the last is %s",
               json_array_size(keys), set->skipped_why);
  }
  json_decref(json);
  return good;
}

/* Gives the public key of one PEM block, or NULL with *why set if the block is one that must not be
 * there, or NULL and *why NULL if it is to be passed over. */
static EVP_PKEY *public_of_block(const char *name, const unsigned char *data, long len,
                                 const char **why)
{
  const unsigned char *p = data;
  EVP_PKEY *pkey = NULL;
  *why = NULL;
  if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
    pkey = d2i_PUBKEY(NULL, &p, len);
  } else if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0) {
    pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, len);
  } else if (strcmp(name, PEM_STRING_X509) == 0) {
    X509 *cert = d2i_X509(NULL, &p, len);
    pkey = cert != NULL ? X509_get_pubkey(cert) : NULL;
    X509_free(cert);
  } else {
    *why = strstr(name, "PRIVATE KEY") != NULL
               ? "a private key, which has no business here: give the public key"
               : "neither a public key nor a certificate";
    return NULL;
  }
  if (pkey == NULL)
    *why = "not readable as what it says it is";
  return pkey;
}

bool jwt_keyset_add_pem(struct jwt_keyset *set, struct plug_str text, char why[240])
{
  size_t before = set->n;
  int block = 0;
  bool good = true;
  BIO *bio = text.len < 1 << 20 ? BIO_new_mem_buf(text.ptr, (int)text.len) : NULL;
  if (bio == NULL) {
    snprintf(why, 240, "it is too long for a PEM file");
    return false;
  }
  while (good) {
    char *name = NULL, *header = NULL, reason[160];
    const char *refusal;
    unsigned char *data = NULL;
    long len;
    struct jwt_key key;
    if (PEM_read_bio(bio, &name, &header, &data, &len) != 1)
      break;
    block++;
    EVP_PKEY *pkey = public_of_block(name, data, len, &refusal);
    if (pkey == NULL) {
      snprintf(why, 240, "block %d (\"%.40s\") is %s", block, name, refusal);
      good = false;
    } else if (!jwt_key_from_public(&key, pkey, reason)) {
      snprintf(why, 240, "block %d is %s", block, reason);
      good = false;
    } else if (!jwt_keyset_take(set, &key)) {
      snprintf(why, 240, "more than %d keys", JWT_MAX_KEYS);
      good = false;
    }
    EVP_PKEY_free(pkey);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, (size_t)len);
  }
  unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  BIO_free(bio);
  if (good && ERR_GET_REASON(error) != PEM_R_NO_START_LINE && error != 0) {
    snprintf(why, 240, "block %d is damaged", block + 1);
    good = false;
  } else if (good && set->n == before) {
    snprintf(why, 240, "there is no PEM block in it (-----BEGIN PUBLIC KEY-----)");
    good = false;
  }
  return good;
}

void jwt_keyset_remember(struct jwt_keyset *set, struct jwt_known *known)
{
  set->known = known;
}

size_t jwt_keyset_count(const struct jwt_keyset *set)
{
  return set->n;
}

size_t jwt_keyset_skipped(const struct jwt_keyset *set)
{
  return set->skipped;
}

const char *jwt_keyset_skipped_why(const struct jwt_keyset *set)
{
  return set->skipped_why;
}

static bool is_candidate(const struct jwt_key *key, const struct jwt_token *token)
{
  if ((key->algs & JWT_ALG_BIT(token->alg)) == 0)
    return false;
  return key->kid == NULL || token->kid.ptr == NULL ||
         jwt_str_eq((struct plug_str){key->kid, key->kid_len}, token->kid);
}

static bool verify(const struct jwt_keyset *set, const struct jwt_key *key,
                   const struct jwt_token *token)
{
  unsigned char hash[SHA256_DIGEST_LENGTH];
  if (set->known == NULL || !jwt_known_hash(set->known, key, token, hash))
    return jwt_key_verify(key, token);
  if (jwt_known_has(set->known, hash))
    return true;
  if (!jwt_key_verify(key, token))
    return false;
  jwt_known_add(set->known, hash);
  return true;
}

/* Tries candidates, those whose kid equals the token's before those that have none. */
static bool try_keys(const struct jwt_keyset *set, const struct jwt_token *token, bool named,
                     size_t *tries)
{
  size_t max = token->kid.ptr != NULL ? JWT_MAX_TRIES : JWT_MAX_TRIES_NO_KID;
  for (size_t i = 0; i < set->n && *tries < max; i++) {
    const struct jwt_key *key = &set->keys[i];
    if ((key->kid != NULL) != named || !is_candidate(key, token))
      continue;
    ++*tries;
    if (verify(set, key, token))
      return true;
  }
  return false;
}

enum jwt_reason jwt_keyset_verify(const struct jwt_keyset *set, const struct jwt_token *token,
                                  jwt_algs allowed, struct jwt_fault *fault)
{
  char kid[JWT_SHOWN_SIZE];
  size_t tries = 0;
  const char *alg = jwt_alg_name(token->alg);
  if ((allowed & JWT_ALG_BIT(token->alg)) == 0) {
    char list[128];
    jwt_algs_text(allowed, list);
    return jwt_fail(fault, JWT_ALGORITHM, "the algorithm %s is not among those allowed (%s)", alg,
                    list);
  }
  if (try_keys(set, token, true, &tries) || try_keys(set, token, false, &tries))
    return JWT_OK;
  jwt_show(kid, token->kid);
  if (tries > 0)
    return jwt_fail(fault, JWT_SIGNATURE, "the signature is not by the key (%s%s%s, %zu tried)",
                    alg, token->kid.ptr != NULL ? ", kid " : ", no kid", kid, tries);
  return jwt_fail(fault, JWT_NO_KEY, "no key fits (%s%s%s, %zu keys known)", alg,
                  token->kid.ptr != NULL ? ", kid " : ", no kid", kid, set->n);
}
