#include "jwt_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "jwt_text.h"

enum {
  RETRY_MIN_MS = 1000, /* after a failure; doubled up to */
  RETRY_MAX_MS = 60000,
  REFRESH_MIN_MS = 60000, /* what an answer may ask for with max-age */
  REFRESH_MAX_MS = 24 * 3600 * 1000,
  STILL_FAILING_MS = 60000, /* repeats why in the log */
};

/* One look at the key files on a thread of the pool. */
struct jwt_reload {
  struct jwt_keys *keys;
  struct jwt_files_stamp stamp;
  bool changed;
  struct jwt_keyset *set;
  char why[JWT_FILE_WHY];
};

static bool is_remote(const struct jwt_keys *keys)
{
  return keys->config->jwks_url != NULL || keys->config->discovery_issuer != NULL;
}

static uint64_t now(const struct jwt_keys *keys)
{
  return keys->env->host->now_ms(keys->env->host);
}

static void take_set(struct jwt_keys *keys, struct jwt_keyset *set)
{
  jwt_keyset_unref(keys->set);
  keys->set = set;
  if (set != NULL)
    jwt_keyset_remember(set, keys->known);
  jwt_gauge(keys->env, JWT_M_KEYS, set != NULL ? (int64_t)jwt_keyset_count(set) : 0);
  jwt_gauge(keys->env, JWT_M_KEYS_SKIPPED, set != NULL ? (int64_t)jwt_keyset_skipped(set) : 0);
}

/* The log has each change of state once, and a reminder now and then while it is bad. */
static void say_failed(struct jwt_keys *keys, const char *where, const char *why)
{
  uint64_t at = now(keys);
  jwt_count(keys->env, JWT_M_KEYS_FAILED);
  jwt_gauge(keys->env, JWT_M_KEYS_CURRENT, 0);
  if (!keys->failing)
    keys->failing_since_ms = at;
  bool say =
      !keys->failing || at - keys->said_ms >= STILL_FAILING_MS || strcmp(keys->said, why) != 0;
  keys->failing = true;
  keys->failures++;
  if (!say)
    return;
  keys->said_ms = at;
  snprintf(keys->said, sizeof keys->said, "%s", why);
  jwt_log(keys->env, PLUG_LOG_WARN, "no keys from %s: %s; %s", where, why,
          keys->set != NULL ? "those at hand stay" : "tokens cannot be verified");
}

static void say_loaded(struct jwt_keys *keys, const char *where)
{
  const struct jwt_keyset *set = keys->set;
  char skipped[240] = "";
  jwt_count(keys->env, JWT_M_KEYS_LOADED);
  jwt_gauge(keys->env, JWT_M_KEYS_CURRENT, 1);
  if (jwt_keyset_skipped(set) > 0)
    snprintf(skipped, sizeof skipped, " (%zu skipped, the last is %s)", jwt_keyset_skipped(set),
             jwt_keyset_skipped_why(set));
  if (keys->failing)
    jwt_log(keys->env, PLUG_LOG_INFO, "%zu keys from %s again after %" PRIu64 " s%s",
            jwt_keyset_count(set), where, (now(keys) - keys->failing_since_ms) / 1000, skipped);
  else
    jwt_log(keys->env, PLUG_LOG_INFO, "%zu keys from %s%s", jwt_keyset_count(set), where, skipped);
  keys->failing = false;
  keys->failures = 0;
  keys->said[0] = '\0';
}

static void check_idle(struct jwt_keys *keys)
{
  if (keys->stopping && keys->fetch == NULL && keys->reload == NULL)
    keys->events.idle(keys->arg);
}

/* ---- a URL */

static void on_fetched(void *arg, struct jwt_fetch_result *result)
{
  struct jwt_keys *keys = arg;
  uint64_t next = keys->config->refresh_ms;
  bool is_new = result->keys != NULL && !keys->stopping;
  bool first = keys->set == NULL, was_failing = keys->failing;
  keys->fetch = NULL;
  if (keys->stopping) {
    jwt_keyset_unref(result->keys);
    check_idle(keys);
    return;
  }
  if (is_new) {
    size_t before = first ? 0 : jwt_keyset_count(keys->set);
    take_set(keys, result->keys);
    if (first || was_failing || jwt_keyset_count(keys->set) != before) {
      say_loaded(keys, result->url);
    } else {
      jwt_count(keys->env, JWT_M_KEYS_LOADED);
      jwt_gauge(keys->env, JWT_M_KEYS_CURRENT, 1);
    }
    if (result->max_age_s > 0) {
      next = result->max_age_s * 1000;
      next = next < REFRESH_MIN_MS ? REFRESH_MIN_MS : next;
      next = next > REFRESH_MAX_MS ? REFRESH_MAX_MS : next;
    }
  } else {
    say_failed(keys, result->url, result->why);
    uint64_t retry = RETRY_MIN_MS;
    for (uint64_t i = 1; i < keys->failures && retry < RETRY_MAX_MS; i++)
      retry *= 2;
    next = retry < RETRY_MAX_MS ? retry : RETRY_MAX_MS;
    if (next > keys->config->refresh_ms && keys->set != NULL)
      next = keys->config->refresh_ms;
  }
  keys->env->host->timer_set(keys->timer, next);
  keys->events.ended(keys->arg, is_new);
}

static bool start_fetch(struct jwt_keys *keys)
{
  if (keys->fetch != NULL)
    return true;
  keys->env->host->timer_stop(keys->timer);
  keys->fetch = jwt_fetch_start(keys->env, keys->config, on_fetched, keys);
  if (keys->fetch != NULL)
    return true;
  say_failed(keys, "the network", "no thread to fetch them with");
  keys->env->host->timer_set(keys->timer, RETRY_MAX_MS);
  return false;
}

/* ---- files */

static void reload_work(void *arg) PLUG_NOEXCEPT
{
  struct jwt_reload *reload = arg;
  const struct jwt_config *config = reload->keys->config;
  struct jwt_files_stamp before = reload->stamp;
  size_t shortest = SIZE_MAX;
  jwt_files_stamp(&config->files, &reload->stamp);
  reload->changed = memcmp(&before, &reload->stamp, sizeof before) != 0;
  if (!reload->changed)
    return;
  reload->set = jwt_keyset_new();
  if (reload->set == NULL) {
    snprintf(reload->why, sizeof reload->why, "out of memory");
  } else if (!jwt_files_read(&config->files, reload->set, &shortest, reload->why)) {
    jwt_keyset_unref(reload->set);
    reload->set = NULL;
  }
}

static void reload_done(void *arg) PLUG_NOEXCEPT
{
  struct jwt_reload *reload = arg;
  struct jwt_keys *keys = reload->keys;
  keys->reload = NULL;
  if (keys->stopping) {
    jwt_keyset_unref(reload->set);
    free(reload);
    check_idle(keys);
    return;
  }
  bool is_new = reload->set != NULL;
  if (reload->changed) {
    keys->stamp = reload->stamp; /* what was refused is looked at again once it has changed */
    if (is_new) {
      take_set(keys, reload->set);
      keys->failing = false;
      say_loaded(keys, "the key files, which have changed");
    } else {
      keys->said[0] = '\0';
      say_failed(keys, "the key files", reload->why);
    }
  }
  free(reload);
  keys->env->host->timer_set(keys->timer, keys->config->reload_ms);
}

static void start_reload(struct jwt_keys *keys)
{
  const struct jwt_env *env = keys->env;
  struct jwt_reload *reload = calloc(1, sizeof *reload);
  if (reload != NULL) {
    reload->keys = keys;
    reload->stamp = keys->stamp;
    if (env->pool->run(env->host, reload_work, reload_done, reload) == PLUG_OK) {
      keys->reload = reload;
      return;
    }
  }
  free(reload);
  env->host->timer_set(keys->timer, keys->config->reload_ms); /* the pool is busy: later */
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct jwt_keys *keys = arg;
  if (is_remote(keys))
    start_fetch(keys);
  else
    start_reload(keys);
}

/* ---- names of keys */

static uint64_t hash_of(const struct jwt_keys *keys, struct plug_str kid)
{
  uint64_t h = keys->hash_seed;
  for (size_t i = 0; i < kid.len; i++)
    h = (h ^ (unsigned char)kid.ptr[i]) * UINT64_C(0x100000001B3);
  return h ^ h >> 29;
}

bool jwt_keys_want(struct jwt_keys *keys, struct plug_str kid)
{
  uint64_t at = now(keys), hash = hash_of(keys, kid);
  if (!is_remote(keys) || keys->stopping)
    return false;
  if (keys->fetch != NULL)
    return true;
  if (keys->set == NULL || at < keys->next_extra_ms)
    return false; /* the timer will see to it */
  for (size_t i = 0; i < JWT_MISSED_MAX; i++)
    if (keys->missed[i].hash == hash && at < keys->missed[i].until_ms)
      return false;
  keys->next_extra_ms = at + keys->config->cooldown_ms;
  return start_fetch(keys);
}

void jwt_keys_missed(struct jwt_keys *keys, struct plug_str kid)
{
  uint64_t hash = hash_of(keys, kid), until = now(keys) + keys->config->refresh_ms;
  for (size_t i = 0; i < JWT_MISSED_MAX; i++)
    if (keys->missed[i].hash == hash) {
      keys->missed[i].until_ms = until;
      return;
    }
  keys->missed[keys->next_missed] = (struct jwt_missed){hash, until};
  keys->next_missed = (keys->next_missed + 1) % JWT_MISSED_MAX;
}

/* ---- life */

void jwt_keys_init(struct jwt_keys *keys, const struct jwt_env *env,
                   const struct jwt_config *config, struct jwt_keyset *set, struct jwt_known *known,
                   const struct jwt_keys_events *events, void *arg)
{
  memset(keys, 0, sizeof *keys);
  keys->env = env;
  keys->config = config;
  keys->events = *events;
  keys->arg = arg;
  if (getrandom(&keys->hash_seed, sizeof keys->hash_seed, 0) != sizeof keys->hash_seed)
    keys->hash_seed = UINT64_C(0xCBF29CE484222325);
  keys->stamp = config->stamp;
  keys->known = known;
  take_set(keys, set);
  if (set != NULL)
    jwt_gauge(env, JWT_M_KEYS_CURRENT, 1);
}

plug_status jwt_keys_start(struct jwt_keys *keys)
{
  const struct plug_host *host = keys->env->host;
  keys->timer = host->timer_new(host, on_timer, keys);
  if (keys->timer == NULL)
    return PLUG_ENOMEM;
  if (is_remote(keys))
    return start_fetch(keys) ? PLUG_OK : PLUG_ENOMEM;
  if (jwt_files_count(&keys->config->files) > 0)
    host->timer_set(keys->timer, keys->config->reload_ms);
  return PLUG_OK;
}

bool jwt_keys_stop(struct jwt_keys *keys)
{
  keys->stopping = true;
  if (keys->timer != NULL)
    keys->env->host->timer_free(keys->timer);
  keys->timer = NULL;
  if (keys->fetch != NULL)
    jwt_fetch_cancel(keys->fetch);
  return keys->fetch != NULL || keys->reload != NULL;
}

void jwt_keys_fini(struct jwt_keys *keys)
{
  jwt_keyset_unref(keys->set);
  keys->set = NULL;
}
