#include "jwt_fetch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jwt_text.h"
#include "outbound.h"
#include "strict_json.h"

enum { DISCOVERY_DEPTH = 16, URL_MAX_LEN = 2048 };

struct jwt_fetch {
  const struct jwt_env *env;
  const struct jwt_config *config;
  jwt_fetch_fn fn;
  void *arg;
  pthread_t thread;
  _Atomic bool cancelled;
  struct jwt_fetch_result result; /* the thread's, until it has posted */
};

/* One answer being received. */
struct answer {
  struct jwt_fetch *fetch;
  char *body;
  size_t len;
  bool too_long;
  uint64_t max_age_s;
};

uint64_t jwt_fetch_max_age(struct plug_str value)
{
  static const char name[] = "max-age=";
  struct plug_str one;
  while (jwt_list_next(&value, &one)) {
    if (one.len <= sizeof name - 1 ||
        !jwt_str_eq_nocase((struct plug_str){one.ptr, sizeof name - 1}, jwt_str(name)))
      continue;
    uint64_t seconds = 0;
    for (size_t i = sizeof name - 1; i < one.len; i++) {
      if (one.ptr[i] < '0' || one.ptr[i] > '9' || seconds > UINT32_MAX)
        return 0;
      seconds = seconds * 10 + (uint64_t)(one.ptr[i] - '0');
    }
    return seconds;
  }
  return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
  struct answer *a = arg;
  size_t len = size * n;
  if (len > JWT_FETCH_MAX_BYTES - a->len) {
    a->too_long = true;
    return 0;
  }
  memcpy(a->body + a->len, data, len);
  a->len += len;
  return len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
  static const char name[] = "cache-control:";
  struct answer *a = arg;
  size_t len = size * n, skip = sizeof name - 1;
  if (len > skip && jwt_str_eq_nocase((struct plug_str){data, skip}, jwt_str(name))) {
    struct plug_str value = {data + skip, len - skip};
    while (value.len > 0 && (unsigned char)value.ptr[value.len - 1] <= ' ')
      value.len--;
    a->max_age_s = jwt_fetch_max_age(value);
  }
  return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
  const struct jwt_fetch *fetch = arg;
  (void)a;
  (void)b;
  (void)c;
  (void)d;
  return atomic_load(&fetch->cancelled); /* not 0 ends the transfer */
}

static void set_options(CURL *curl, struct jwt_fetch *fetch, const char *url, struct answer *a,
                        struct curl_slist *accept, char error[CURL_ERROR_SIZE])
{
  const struct jwt_config *c = fetch->config;
  outbound_set_basics(curl, url, fetch->env->host->server, c->timeout_ms, error);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, accept);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, a);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetch);
  if (c->ca_file != NULL)
    curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
}

/* What the answer says it is, when it is not JSON: a login page, an error page. */
static void say_type(CURL *curl, char *out, size_t size)
{
  char *type = NULL, shown[JWT_SHOWN_SIZE];
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  snprintf(out, size, "%s", type != NULL ? jwt_show(shown, jwt_str(type)) : "no Content-Type");
}

/* GETs url into a->body, which the caller frees; type is what the answer says it is. */
static bool get(struct jwt_fetch *fetch, const char *url, struct answer *a, char type[100])
{
  char error[CURL_ERROR_SIZE] = "", *why = fetch->result.why;
  long status = 0;
  *a = (struct answer){.fetch = fetch, .body = malloc(JWT_FETCH_MAX_BYTES)};
  CURL *curl = curl_easy_init();
  struct curl_slist *accept =
      curl_slist_append(NULL, "Accept: application/jwk-set+json, application/json, */*;q=0.1");
  bool good = false;
  if (a->body == NULL || curl == NULL || accept == NULL) {
    snprintf(why, JWT_FETCH_WHY, "out of memory");
  } else {
    set_options(curl, fetch, url, a, accept, error);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    say_type(curl, type, 100);
    if (a->too_long)
      snprintf(why, JWT_FETCH_WHY, "the answer is longer than %d KB", JWT_FETCH_MAX_BYTES >> 10);
    else if (code == CURLE_ABORTED_BY_CALLBACK)
      snprintf(why, JWT_FETCH_WHY, "given up");
    else if (code != CURLE_OK)
      snprintf(why, JWT_FETCH_WHY, "%.200s", error[0] != '\0' ? error : curl_easy_strerror(code));
    else if (status != 200)
      snprintf(why, JWT_FETCH_WHY, "it answered with status %ld%s", status,
               status >= 300 && status < 400 ? ", and redirects are not followed" : "");
    else
      good = true;
  }
  curl_slist_free_all(accept);
  curl_easy_cleanup(curl);
  return good;
}

/* The URL of an issuer's discovery document; of a slash at the issuer's end one is cut. */
static bool discovery_url(const char *issuer, char *out, size_t size)
{
  size_t len = strlen(issuer);
  if (len > 0 && issuer[len - 1] == '/')
    len--;
  int n = snprintf(out, size, "%.*s/.well-known/openid-configuration", (int)len, issuer);
  return n > 0 && (size_t)n < size;
}

/* Reads the discovery document: it has to be that of the issuer, and to name a URL that is allowed.
 */
static bool read_discovery(struct jwt_fetch *fetch, struct plug_str text, const char *type,
                           char out[URL_MAX_LEN])
{
  char reason[240], *why = fetch->result.why, shown[JWT_SHOWN_SIZE];
  const char *issuer = fetch->config->discovery_issuer;
  int line;
  bool good = false;
  json_t *json = strict_json_parse(text, DISCOVERY_DEPTH, reason, &line);
  struct plug_str said = strict_json_str(json, "issuer"), url = strict_json_str(json, "jwks_uri");
  if (json == NULL)
    snprintf(why, JWT_FETCH_WHY, "this is no discovery document: %s (%s)", reason, type);
  else if (said.ptr == NULL || !jwt_str_is(said, issuer))
    snprintf(why, JWT_FETCH_WHY, "the discovery document is of the issuer %s, not of %.150s",
             said.ptr != NULL ? jwt_show(shown, said) : "(none)", issuer);
  else if (url.ptr == NULL || url.len >= URL_MAX_LEN)
    snprintf(why, JWT_FETCH_WHY, "the discovery document names no jwks_uri");
  else
    good = true;
  if (good) {
    memcpy(out, url.ptr, url.len);
    out[url.len] = '\0';
    good = jwt_url_allowed(out, fetch->config->allow_http, reason);
    if (!good)
      snprintf(why, JWT_FETCH_WHY, "the jwks_uri that discovery names: %s", reason);
  }
  json_decref(json);
  return good;
}

static void fetch_keys(struct jwt_fetch *fetch)
{
  struct jwt_fetch_result *result = &fetch->result;
  const struct jwt_config *c = fetch->config;
  char url[URL_MAX_LEN], type[100], reason[240];
  struct answer a;
  int line;
  if (c->jwks_url != NULL) {
    snprintf(url, sizeof url, "%s", c->jwks_url);
  } else {
    if (!discovery_url(c->discovery_issuer, url, sizeof url)) {
      snprintf(result->why, sizeof result->why, "the issuer is too long");
      return;
    }
    snprintf(result->url, sizeof result->url, "%.250s", url);
    bool good = get(fetch, url, &a, type) &&
                read_discovery(fetch, (struct plug_str){a.body, a.len}, type, url);
    free(a.body);
    if (!good)
      return;
  }
  snprintf(result->url, sizeof result->url, "%.250s", url);
  struct jwt_keyset *keys = jwt_keyset_new();
  if (keys == NULL) {
    snprintf(result->why, sizeof result->why, "out of memory");
    return;
  }
  if (get(fetch, url, &a, type)) {
    if (jwt_keyset_add_jwks(keys, (struct plug_str){a.body, a.len}, reason, &line)) {
      result->keys = keys;
      result->max_age_s = a.max_age_s;
    } else {
      snprintf(result->why, sizeof result->why, "%s (%s)", reason, type);
    }
  }
  free(a.body);
  if (result->keys == NULL)
    jwt_keyset_unref(keys);
}

static void finish(void *arg)
{
  struct jwt_fetch *fetch = arg;
  pthread_join(fetch->thread, NULL);
  fetch->fn(fetch->arg, &fetch->result);
  free(fetch);
}

static void *run(void *arg)
{
  struct jwt_fetch *fetch = arg;
  const struct plug_host *host = fetch->env->host;
  fetch_keys(fetch);
  /* The home thread must hear of it, or it would wait for ever. */
  while (host->post(host, finish, fetch) != PLUG_OK)
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  return NULL;
}

struct jwt_fetch *jwt_fetch_start(const struct jwt_env *env, const struct jwt_config *config,
                                  jwt_fetch_fn fn, void *arg)
{
  struct jwt_fetch *fetch = calloc(1, sizeof *fetch);
  if (fetch == NULL)
    return NULL;
  fetch->env = env;
  fetch->config = config;
  fetch->fn = fn;
  fetch->arg = arg;
  /* Signals are the server's business: the thread, and those that libcurl starts from it, are born
   * with all of them blocked. */
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int rc = pthread_create(&fetch->thread, NULL, run, fetch);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (rc != 0) {
    free(fetch);
    return NULL;
  }
  return fetch;
}

void jwt_fetch_cancel(struct jwt_fetch *fetch)
{
  atomic_store(&fetch->cancelled, true);
}
