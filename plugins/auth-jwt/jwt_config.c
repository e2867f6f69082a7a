#include "jwt_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_cfg.h"
#include "jwt_text.h"
#include "outbound.h"

static bool get_bool(struct host_cfg *r, const char *key)
{
  return host_cfg_number(r, key) != 0;
}

static void get_texts(struct host_cfg *r, const char *key, struct jwt_texts *texts)
{
  if (!jwt_texts_parse(texts, host_cfg_str(r, key)))
    host_cfg_fail(r, PLUG_ENOMEM, "out of memory");
}

static void get_paths(struct host_cfg *r, const char *key, struct jwt_paths *paths)
{
  char why[160];
  if (!jwt_paths_parse(paths, host_cfg_str(r, key), why))
    host_cfg_fail(r, PLUG_EINVAL, "option %s: %s", key, why);
}

bool jwt_url_allowed(const char *url, bool allow_http, char why[240])
{
  switch (outbound_judge_url(url)) {
  case OUTBOUND_HTTPS:
  case OUTBOUND_LOCAL:
    return true;
  case OUTBOUND_PLAIN:
    if (allow_http)
      return true;
    snprintf(why, 240,
             "%.110s is not https: whoever is on the way could hand out keys of his own "
             "(allow-http = on accepts that)",
             url);
    return false;
  case OUTBOUND_HAS_USER:
    snprintf(why, 240, "the URL holds a user name; key sets are public");
    return false;
  case OUTBOUND_OTHER_SCHEME:
    snprintf(why, 240, "%.150s begins neither with https:// nor with http://", url);
    return false;
  case OUTBOUND_NO_URL:
    break;
  }
  snprintf(why, 240, "%.150s is not a URL of https:// and a host", url);
  return false;
}

static void read_claims(struct host_cfg *r, struct jwt_policy *p)
{
  char why[160];
  struct plug_str kind = host_cfg_str(r, "token"), text;
  p->max_token = (size_t)host_cfg_number(r, "max-token-size");
  p->leeway_s = (int64_t)(host_cfg_number(r, "leeway") / 1000);
  get_texts(r, "issuer", &p->issuers);
  get_texts(r, "audience", &p->audiences);
  get_texts(r, "client", &p->clients);
  get_texts(r, "types", &p->types);
  p->kind = jwt_str_is(kind, "id")    ? JWT_ID_TOKEN
            : jwt_str_is(kind, "any") ? JWT_ANY_TOKEN
                                      : JWT_ACCESS_TOKEN;
  p->allow_bound = get_bool(r, "allow-bound-tokens");
  p->allow_no_expiry = get_bool(r, "allow-no-expiry");
  p->refuse_future = get_bool(r, "refuse-future-tokens");
  if (!jwt_policy_require(p, host_cfg_str(r, "require"), why))
    host_cfg_fail(r, PLUG_EINVAL, "option require: %s", why);
  get_paths(r, "user", &p->user);
  if (p->user.n == 0)
    host_cfg_fail(r, PLUG_EINVAL,
                  "option user is empty: name the claim that holds the user's name");
  get_paths(r, "roles", &p->roles);
  if (!jwt_policy_attributes(p, host_cfg_str(r, "attributes"), why))
    host_cfg_fail(r, PLUG_EINVAL, "option attributes: %s", why);
  text = host_cfg_str(r, "permissions");
  p->has_permissions = text.len > 0;
  if (text.len > 0 && !jwt_path_parse(&p->permissions, text, why))
    host_cfg_fail(r, PLUG_EINVAL, "option permissions: %s", why);
}

static void read_sources(struct host_cfg *r, struct jwt_sources *s)
{
  struct plug_str bad = {NULL, 0};
  char shown[JWT_SHOWN_SIZE];
  if (r->status == PLUG_OK && !jwt_sources_parse(s, host_cfg_str(r, "sources"), &bad))
    host_cfg_fail(
        r, PLUG_EINVAL,
        "option sources: %.64s is not one of header, passcode, handshake, cookie, query, or comes "
        "twice",
        bad.ptr != NULL ? jwt_show(shown, bad) : "nothing");
  s->header = host_cfg_text(r, "header");
  s->handshake_header = host_cfg_text(r, "handshake-header");
  s->cookie = host_cfg_text(r, "cookie");
  s->query = host_cfg_text(r, "query");
  if (r->status == PLUG_OK &&
      (s->header == NULL || s->handshake_header == NULL || s->cookie == NULL || s->query == NULL))
    host_cfg_fail(r, PLUG_EINVAL,
                  "one of the options header, handshake-header, cookie, query is empty");
}

/* Exactly one kind of place for keys: a secret beside public keys would be one more way in. */
static void read_places(struct host_cfg *r, struct jwt_config *c, struct plug_str secret)
{
  char why[240];
  struct jwt_files *f = &c->files;
  f->jwks = host_cfg_text(r, "jwks-file");
  get_texts(r, "public-key", &f->pems);
  get_texts(r, "secret-file", &f->secrets);
  f->base64 = jwt_str_is(host_cfg_str(r, "secret-encoding"), "base64");
  c->jwks_url = host_cfg_text(r, "jwks-url");
  c->allow_http = get_bool(r, "allow-http");
  c->ca_file = host_cfg_text(r, "ca-file");
  c->refresh_ms = host_cfg_number(r, "jwks-refresh");
  c->timeout_ms = host_cfg_number(r, "jwks-timeout");
  c->cooldown_ms = host_cfg_number(r, "jwks-cooldown");
  c->reload_ms = host_cfg_number(r, "reload-interval");
  if (r->status != PLUG_OK)
    return;
  jwt_files_stamp(f, &c->stamp);
  bool secrets = secret.len > 0 || f->secrets.n > 0, files = f->jwks != NULL || f->pems.n > 0;
  if (secrets + files + (c->jwks_url != NULL) > 1 || (secret.len > 0 && f->secrets.n > 0)) {
    host_cfg_fail(
        r, PLUG_EINVAL,
        "give keys in one way only: secret, or secret-file, or public-key and jwks-file, or "
        "jwks-url");
  } else if (jwt_files_count(f) > JWT_MAX_FILES) {
    host_cfg_fail(r, PLUG_EINVAL, "more than %d key files", JWT_MAX_FILES);
  } else if (c->jwks_url != NULL) {
    if (!jwt_url_allowed(c->jwks_url, c->allow_http, why))
      host_cfg_fail(r, PLUG_EINVAL, "option jwks-url: %s", why);
  } else if (!secrets && !files) {
    if (c->policy.issuers.n != 1)
      host_cfg_fail(
          r, PLUG_EINVAL,
          "no keys to verify with: give jwks-url, jwks-file, public-key, secret-file or secret, or "
          "one issuer that can be asked");
    else if (!jwt_url_allowed(c->policy.issuers.v[0], c->allow_http, why))
      host_cfg_fail(r, PLUG_EINVAL, "option issuer, asked for its keys: %s", why);
    else if ((c->discovery_issuer = strdup(c->policy.issuers.v[0])) == NULL)
      host_cfg_fail(r, PLUG_ENOMEM, "out of memory");
  }
  if (r->status == PLUG_OK && c->ca_file != NULL && access(c->ca_file, R_OK) != 0)
    host_cfg_fail(r, PLUG_EINVAL, "option ca-file: %.150s cannot be read", c->ca_file);
}

/* Algorithms that a secret of so many bytes is long enough for. */
static jwt_algs fitting(size_t len)
{
  jwt_algs algs = 0;
  for (int i = 0; i < JWT_N_ALGS; i++)
    if (jwt_alg_kind((enum jwt_alg)i) == JWT_SECRET && jwt_alg_min_secret((enum jwt_alg)i) <= len)
      algs |= JWT_ALG_BIT(i);
  return algs;
}

static size_t longest_minimum(jwt_algs algs)
{
  size_t longest = 0;
  for (int i = 0; i < JWT_N_ALGS; i++)
    if ((algs & JWT_ALG_BIT(i)) != 0 && jwt_alg_min_secret((enum jwt_alg)i) > longest)
      longest = jwt_alg_min_secret((enum jwt_alg)i);
  return longest;
}

/* A secret is guessed at leisure by whoever has one token: it must be as long as the hash. */
static void judge_secret(struct host_cfg *r, struct jwt_config *c, const struct jwt_env *env,
                         size_t shortest)
{
  bool allow_short = get_bool(r, "allow-short-secret");
  bool listed = c->policy.algs != 0;
  if (r->status != PLUG_OK)
    return;
  if (!listed)
    c->policy.algs = allow_short ? JWT_ALGS_HS : fitting(shortest);
  size_t needed = listed ? longest_minimum(c->policy.algs) : 32;
  if (shortest < needed && !allow_short) {
    host_cfg_fail(r, PLUG_EINVAL,
                  "the secret has %zu bytes, fewer than the %zu that %s needs (RFC 7518); "
                  "allow-short-secret = on accepts it",
                  shortest, needed,
                  needed == 32   ? "HS256"
                  : needed == 48 ? "HS384"
                                 : "HS512");
    return;
  }
  if (shortest < needed)
    jwt_log(env, PLUG_LOG_WARN,
            "the secret has only %zu bytes: with one token somebody can find it by trying",
            shortest);
  c->files.min_secret = allow_short ? 1 : longest_minimum(c->policy.algs);
}

static void read_algorithms(struct host_cfg *r, struct jwt_config *c, bool secrets)
{
  struct plug_str bad;
  char shown[JWT_SHOWN_SIZE];
  if (!jwt_algs_parse(host_cfg_str(r, "algorithms"), &c->policy.algs, &bad))
    host_cfg_fail(r, PLUG_EINVAL,
                  "option algorithms: %.64s is not one of HS, RS, PS, ES (256, 384, 512) or "
                  "EdDSA",
                  jwt_show(shown, bad));
  jwt_algs other = secrets ? JWT_ALGS_PUBLIC : JWT_ALGS_HS;
  if ((c->policy.algs & other) != 0)
    host_cfg_fail(r, PLUG_EINVAL, "option algorithms: %s",
                  secrets ? "with a secret only HS256, HS384 and HS512 are possible"
                          : "HS algorithms need a secret, not public keys");
  if (c->policy.algs == 0 && !secrets)
    c->policy.algs = JWT_ALGS_PUBLIC;
}

static struct jwt_keyset *read_keys(struct host_cfg *r, struct jwt_config *c,
                                    const struct jwt_env *env, struct plug_str secret)
{
  char why[JWT_FILE_WHY];
  size_t shortest = SIZE_MAX;
  bool secrets = secret.len > 0 || c->files.secrets.n > 0;
  read_algorithms(r, c, secrets);
  if (r->status != PLUG_OK || c->jwks_url != NULL || c->discovery_issuer != NULL)
    return NULL;
  struct jwt_keyset *set = jwt_keyset_new();
  if (set == NULL)
    host_cfg_fail(r, PLUG_ENOMEM, "out of memory");
  else if (secret.len > 0 && !jwt_secret_take(set, secret, c->files.base64, &shortest, why))
    host_cfg_fail(r, PLUG_EINVAL, "option secret: %s", why);
  else if (!jwt_files_read(&c->files, set, &shortest, why))
    host_cfg_fail(r, PLUG_EINVAL, "%s", why);
  else if (secrets)
    judge_secret(r, c, env, shortest);
  if (r->status == PLUG_OK)
    return set;
  jwt_keyset_unref(set);
  return NULL;
}

plug_status jwt_config_read(struct jwt_config *config, const struct jwt_env *env,
                            struct jwt_keyset **keys, struct plug_err *err)
{
  struct host_cfg r = {.host = env->host, .err = err};
  memset(config, 0, sizeof *config);
  *keys = NULL;
  read_claims(&r, &config->policy);
  read_sources(&r, &config->sources);
  config->explain = get_bool(&r, "explain");
  config->known_tokens = (size_t)host_cfg_number(&r, "known-tokens");
  struct plug_str secret = host_cfg_str(&r, "secret");
  read_places(&r, config, secret);
  *keys = read_keys(&r, config, env, secret);
  if (r.status == PLUG_OK && config->policy.audiences.n == 0 && config->policy.clients.n == 0 &&
      secret.len == 0 && config->files.secrets.n == 0)
    jwt_log(env, PLUG_LOG_WARN,
            "neither audience nor client is set: tokens that the provider issued for any other "
            "application are accepted too");
  return r.status;
}

void jwt_config_fini(struct jwt_config *config)
{
  jwt_policy_fini(&config->policy);
  free(config->sources.header);
  free(config->sources.handshake_header);
  free(config->sources.cookie);
  free(config->sources.query);
  free(config->files.jwks);
  jwt_texts_fini(&config->files.pems);
  jwt_texts_fini(&config->files.secrets);
  free(config->jwks_url);
  free(config->discovery_issuer);
  free(config->ca_file);
  memset(config, 0, sizeof *config);
}
