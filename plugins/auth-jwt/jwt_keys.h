/* The keys of one instance over time: fetched at the start, in intervals and when a token names a
 * key that is not known; or read again when their files change. The set at hand stays until a
 * better one has been parsed. Home thread, but for what it hands out. */
#ifndef JWT_KEYS_H
#define JWT_KEYS_H

#include "jwt_config.h"
#include "jwt_env.h"
#include "jwt_fetch.h"

enum { JWT_MISSED_MAX = 128 };

struct jwt_keys_events {
  /* An attempt that was under way has ended; is_new: there is another set now. */
  void (*ended)(void *arg, bool is_new);
  /* After stop: nothing is under way any more. */
  void (*idle)(void *arg);
};

struct jwt_keys {
  const struct jwt_env *env;
  const struct jwt_config *config;
  struct jwt_keys_events events;
  void *arg;
  struct jwt_known *known; /* borrowed; NULL: nothing is remembered */
  struct jwt_keyset *set;  /* NULL: none yet */
  struct plug_timer *timer;
  struct jwt_fetch *fetch; /* under way */
  struct jwt_reload *reload;
  struct jwt_files_stamp stamp; /* of the files that set was made of, or that were refused */
  bool stopping, failing;
  uint64_t failures;                  /* in a row */
  uint64_t failing_since_ms, said_ms; /* for the log */
  char said[JWT_FETCH_WHY];
  uint64_t next_extra_ms; /* no fetch for an unknown key before */
  /* Names of keys that a fetch did not bring, as hashes; each counts until until_ms. */
  struct jwt_missed {
    uint64_t hash, until_ms;
  } missed[JWT_MISSED_MAX];
  size_t next_missed;
  uint64_t hash_seed;
};

/* Takes the reference to set, which may be NULL. known outlives keys and all sets. [create] */
void jwt_keys_init(struct jwt_keys *keys, const struct jwt_env *env,
                   const struct jwt_config *config, struct jwt_keyset *set, struct jwt_known *known,
                   const struct jwt_keys_events *events, void *arg);
plug_status jwt_keys_start(struct jwt_keys *keys);
/* True while something is under way; then idle follows. */
bool jwt_keys_stop(struct jwt_keys *keys);
void jwt_keys_fini(struct jwt_keys *keys);

static inline struct jwt_keyset *jwt_keys_set(const struct jwt_keys *keys)
{
  return keys->set;
}

/* A token names a key that the set does not have (kid may be empty: it names none). True: an
 * attempt to get it is under way, ended follows. False: there is nothing to wait for. */
bool jwt_keys_want(struct jwt_keys *keys, struct plug_str kid);
/* The attempt did not bring it: it is not fetched for again for a while. */
void jwt_keys_missed(struct jwt_keys *keys, struct plug_str kid);

#endif
