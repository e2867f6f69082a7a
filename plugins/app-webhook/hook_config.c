#include "hook_config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plugboard/ext/config.h>
#include <plugboard/secret.h>

#include "hook_value.h"
#include "outbound.h"
#include "whole_file.h"

const struct plug_option hook_options[HOOK_N_OPTIONS] = {
    [HOOK_TIMEOUT] = {"timeout", PLUG_OPT_DURATION, 0, "5s", "10ms..5m",
                      "How long one request may take, from the connection to the last byte."},
    [HOOK_CONCURRENCY] = {"concurrency", PLUG_OPT_INTEGER, 0, "32", "1..1024",
                          "Requests of one hook under way at a time."},
    [HOOK_QUEUE] = {"queue", PLUG_OPT_INTEGER, 0, "10000", "1..1000000",
                    "Requests and events of one hook that may wait."},
    [HOOK_QUEUE_SIZE] = {"queue-size", PLUG_OPT_BYTES, 0, "16m", "4k..4g", "Their bytes."},
    [HOOK_ORDER] = {"order", PLUG_OPT_CHOICE, 0, "session", "session|destination|none",
                    "Whose requests are made one after the other."},
    [HOOK_RETRY] = {"retry", PLUG_OPT_CHOICE, 0, "events", "events|all|none",
                    "What is asked again after a failure; all: SENDs too, which the backend must "
                    "tell apart by their id."},
    [HOOK_RETRIES] = {"retries", PLUG_OPT_INTEGER, 0, "8", "1..100", "How many times again."},
    [HOOK_RETRY_DELAY] = {"retry-delay", PLUG_OPT_DURATION, 0, "500ms", "10ms..1m",
                          "Before the first time; it doubles up to 30 seconds."},
    [HOOK_BREAKER_FAILURES] = {"breaker-failures", PLUG_OPT_INTEGER, 0, "10", "1..100000",
                               "Failures in a row after which a backend is left alone."},
    [HOOK_BREAKER_PAUSE] = {"breaker-pause", PLUG_OPT_DURATION, 0, "5s", "10ms..10m",
                            "For how long, until one request tries it."},
    [HOOK_MAX_ANSWER] = {"max-answer", PLUG_OPT_BYTES, 0, "256k", "1k..16m", "Bytes of an answer."},
    [HOOK_MAX_MESSAGES] = {"max-messages", PLUG_OPT_INTEGER, 0, "64", "1..10000",
                           "Messages that one answer may publish."},
    [HOOK_KEEP_ALIVE] = {"keep-alive", PLUG_OPT_DURATION, 0, "4s", "1s..1h",
                         "How long an idle connection is used again; less than the backend keeps "
                         "it open."},
    {"secret", PLUG_OPT_SECRET, 0, NULL, NULL, "What requests are signed with."},
    {"secret-file", PLUG_OPT_PATH, 0, NULL, NULL, "A file that holds it."},
    {"unsigned", PLUG_OPT_BOOL, 0, "off", NULL, "Makes requests without a signature."},
    {"ca-file", PLUG_OPT_PATH, 0, NULL, NULL,
     "The certificate authorities that sign backends' certificates, instead of the system's."},
    {"allow-http", PLUG_OPT_BOOL, 0, "off", NULL,
     "Accepts backends on other machines that are asked without TLS."},
};

static plug_status fault(struct plug_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static plug_status fault(struct plug_err *err, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  return err->code = PLUG_EINVAL;
}

static plug_status no_memory(struct plug_err *err)
{
  fault(err, "out of memory");
  return err->code = PLUG_ENOMEM;
}

/* What all hooks begin with. */
struct defaults {
  uint64_t n[HOOK_N_NUMBERS];
  struct plug_str secret, secret_file, ca_file;
  bool is_unsigned, allow_http;
};

/* One section being read. */
struct reader {
  struct hook_configs *configs;
  const struct hook_env *env;
  const struct plug_config *config;
  const struct defaults *defaults;
  struct plug_err *err;
  size_t section;
  struct hook_config *hook;
  struct plug_str secret_file, ca_file;
  uint32_t events;
};

static char *copy(struct plug_str s)
{
  char *out = malloc(s.len + 1);
  if (!out)
    return NULL;
  if (s.len)
    memcpy(out, s.ptr, s.len);
  out[s.len] = '\0';
  return out;
}

/* --- keys --------------------------------------------------------------------------------- */

static plug_status add_pattern(struct reader *r, const char *key, struct plug_str pattern,
                               uint32_t actions)
{
  struct hook_configs *c = r->configs;
  size_t hook = (size_t)(r->hook - c->hooks);
  if (pattern.ptr[0] != '/')
    return fault(r->err, "%s: '%.*s' must start with a slash, as in /rooms/{room}/chat", key,
                 (int)pattern.len, pattern.ptr);
  /* The same pattern may be there for SEND and for SUBSCRIBE, each once. */
  for (size_t i = 0; actions && i < c->n_claims; i++)
    if (c->claims[i].actions & actions && c->claims[i].pattern.len == pattern.len &&
        memcmp(c->claims[i].pattern.ptr, pattern.ptr, pattern.len) == 0)
      return fault(r->err, "%s: '%.*s' is there twice, also in '%s'", key, (int)pattern.len,
                   pattern.ptr, c->hooks[c->claim_hooks[i]].name);
  for (size_t i = 0; !actions && i < c->n_watches; i++)
    if (c->watches[i].len == pattern.len &&
        memcmp(c->watches[i].ptr, pattern.ptr, pattern.len) == 0)
      return fault(r->err, "%s: '%.*s' is there twice, also in '%s'", key, (int)pattern.len,
                   pattern.ptr, c->hooks[c->watch_hooks[i]].name);
  size_t n = (actions ? c->n_claims : c->n_watches) + 1;
  size_t **hooks = actions ? &c->claim_hooks : &c->watch_hooks;
  size_t *more_hooks = realloc(*hooks, n * sizeof *more_hooks);
  if (!more_hooks)
    return no_memory(r->err);
  *hooks = more_hooks;
  void *more = actions ? realloc(c->claims, n * sizeof *c->claims)
                       : realloc(c->watches, n * sizeof *c->watches);
  if (!more)
    return no_memory(r->err);
  if (actions)
    c->claims = more;
  else
    c->watches = more;
  char *text = copy(pattern);
  if (!text)
    return no_memory(r->err);
  if (actions)
    c->claims[c->n_claims++] = (struct plug_claim){{text, pattern.len}, actions, 0};
  else
    c->watches[c->n_watches++] = (struct plug_str){text, pattern.len};
  more_hooks[n - 1] = hook;
  return PLUG_OK;
}

static plug_status read_patterns(struct reader *r, const char *key, struct plug_str list,
                                 uint32_t actions)
{
  struct plug_str item;
  while (hook_value_item(&list, &item)) {
    plug_status status = add_pattern(r, key, item, actions);
    if (status != PLUG_OK)
      return status;
  }
  return PLUG_OK;
}

static plug_status read_url(struct reader *r, struct plug_str value)
{
  r->hook->url = copy(value);
  if (!r->hook->url)
    return no_memory(r->err);
  switch (outbound_judge_url(r->hook->url)) {
  case OUTBOUND_HTTPS:
  case OUTBOUND_LOCAL:
    return PLUG_OK;
  case OUTBOUND_PLAIN:
    return r->defaults->allow_http
               ? PLUG_OK
               : fault(r->err,
                       "url: %.100s is not https: whoever is on the way reads and answers "
                       "(allow-http = on in [app.webhook] accepts that)",
                       r->hook->url);
  case OUTBOUND_HAS_USER:
    return fault(r->err, "url: holds a user name; requests are known by their signature");
  default:
    return fault(r->err, "url: '%.150s' is not a URL of https:// and a host", r->hook->url);
  }
}

static plug_status read_events(struct reader *r, struct plug_str list)
{
  static const char *const names[] = {[PLUG_APP_SUBSCRIBED] = "subscribed",
                                      [PLUG_APP_UNSUBSCRIBED] = "unsubscribed",
                                      [PLUG_APP_DISCONNECTED] = "disconnected"};
  struct plug_str item;
  while (hook_value_item(&list, &item)) {
    uint32_t kind = PLUG_APP_SUBSCRIBED;
    while (kind <= PLUG_APP_DISCONNECTED && !hook_eq(item, names[kind]))
      kind++;
    if (kind > PLUG_APP_DISCONNECTED)
      return fault(r->err, "events: '%.*s' is not one of subscribed, unsubscribed, disconnected",
                   (int)item.len, item.ptr);
    r->events |= HOOK_EVENT(kind);
  }
  return r->events ? PLUG_OK : fault(r->err, "events: names none");
}

static plug_status read_key(struct reader *r, struct plug_kv entry)
{
  char why[160];
  if (hook_eq(entry.key, "url"))
    return read_url(r, entry.value);
  if (hook_eq(entry.key, "send"))
    return read_patterns(r, "send", entry.value, PLUG_APP_SEND);
  if (hook_eq(entry.key, "subscribe"))
    return read_patterns(r, "subscribe", entry.value, PLUG_APP_SUBSCRIBE);
  if (hook_eq(entry.key, "watch"))
    return read_patterns(r, "watch", entry.value, 0);
  if (hook_eq(entry.key, "events"))
    return read_events(r, entry.value);
  if (hook_eq(entry.key, "secret-file"))
    return r->secret_file = entry.value, PLUG_OK;
  if (hook_eq(entry.key, "ca-file"))
    return r->ca_file = entry.value, PLUG_OK;
  for (size_t i = 0; i < HOOK_N_NUMBERS; i++)
    if (hook_eq(entry.key, hook_options[i].name))
      return hook_value_parse(&hook_options[i], entry.value, &r->hook->n[i], why)
                 ? PLUG_OK
                 : fault(r->err, "%s: '%.*s' %s", hook_options[i].name, (int)entry.value.len,
                         entry.value.ptr, why);
  return fault(r->err,
               "unknown key '%.*s'; there are url, send, subscribe, watch, events, and those of "
               "[app.webhook] but secret, unsigned and allow-http",
               (int)entry.key.len, entry.key.ptr);
}

/* --- secret, certificates ------------------------------------------------------------------ */

static struct plug_str without_line_end(struct plug_str text)
{
  if (text.len && text.ptr[text.len - 1] == '\n')
    text.len--;
  if (text.len && text.ptr[text.len - 1] == '\r')
    text.len--;
  return text;
}

static plug_status read_secret_file(struct reader *r, struct plug_str name)
{
  char why[240];
  bool others_read = false;
  size_t len = 0;
  char *path = copy(name);
  char *text = path ? whole_file_read(path, HOOK_KEY_MAX + 16, &len, &others_read, why) : NULL;
  plug_status status = PLUG_OK;
  if (!path)
    status = no_memory(r->err);
  else if (!text)
    status = fault(r->err, "secret-file: %.120s: %.100s", path, why);
  else if (!hook_key_take(&r->hook->key, without_line_end((struct plug_str){text, len}), why))
    status = fault(r->err, "secret-file: %.100s: %.140s", path, why);
  else if (others_read)
    hook_log(r->env, NULL, PLUG_LOG_WARN, "everybody on this machine may read %s", path);
  if (text)
    plug_secret_wipe(text, len);
  free(text);
  free(path);
  return status;
}

static plug_status finish_hook(struct reader *r, size_t n_claims, size_t n_watches)
{
  char why[240];
  const struct defaults *d = r->defaults;
  struct plug_str file = r->secret_file.len ? r->secret_file : d->secret_file;
  struct plug_str ca = r->ca_file.len ? r->ca_file : d->ca_file;
  bool claims = r->configs->n_claims > n_claims, watches = r->configs->n_watches > n_watches;
  plug_status status = PLUG_OK;
  if (!r->hook->url)
    return fault(r->err, "has no url");
  if (!claims && !watches)
    return fault(r->err, "has none of send, subscribe and watch: it would never be asked");
  if (r->events && !watches)
    return fault(r->err, "has events, but no watch");
  r->hook->events =
      r->events ? r->events : HOOK_EVENT(PLUG_APP_SUBSCRIBED) | HOOK_EVENT(PLUG_APP_UNSUBSCRIBED);
  if (file.len && d->secret.len && !r->secret_file.len)
    return fault(r->err, "give secret or secret-file in [app.webhook], not both");
  if (file.len)
    status = read_secret_file(r, file);
  else if (d->secret.len && !hook_key_take(&r->hook->key, d->secret, why))
    status = fault(r->err, "secret: %.160s", why);
  else if (!d->secret.len && !d->is_unsigned)
    status = fault(r->err, "there is no secret to sign requests with: set secret or secret-file in "
                           "[app.webhook] (unsigned = on goes without)");
  if (status != PLUG_OK)
    return status;
  if (!ca.len && outbound_judge_url(r->hook->url) != OUTBOUND_HTTPS) /* no need for the system's */
    return PLUG_OK;
  char *path = ca.len ? copy(ca) : NULL;
  if (ca.len && !path)
    return no_memory(r->err);
  r->hook->tls = hook_tls_get(&r->configs->tls, path, why);
  free(path);
  return r->hook->tls ? PLUG_OK : fault(r->err, "ca-file: %.230s", why);
}

/* --- sections ------------------------------------------------------------------------------ */

static plug_status read_hook(struct reader *r, struct plug_str name)
{
  const struct plug_host *host = r->env->host;
  size_t n_claims = r->configs->n_claims, n_watches = r->configs->n_watches;
  struct plug_kv entry;
  r->hook = &r->configs->hooks[r->configs->n++];
  memcpy(r->hook->n, r->defaults->n, sizeof r->hook->n);
  if (!(r->hook->name = copy(name)))
    return no_memory(r->err);
  for (size_t i = 0; r->config->entry(host, r->section, i, &entry) == PLUG_OK; i++) {
    r->config->blame(host, r->section, i);
    plug_status status = read_key(r, entry);
    if (status != PLUG_OK)
      return status;
  }
  r->config->blame(host, r->section, SIZE_MAX);
  return finish_hook(r, n_claims, n_watches);
}

static plug_status read_defaults(struct defaults *d, const struct plug_host *host,
                                 struct plug_err *err)
{
  char why[160];
  int64_t value;
  struct plug_str text;
  for (size_t i = 0; i < HOOK_N_NUMBERS; i++)
    if (hook_options[i].type != PLUG_OPT_CHOICE) {
      host->cfg_i64(host, hook_options[i].name, &value);
      d->n[i] = (uint64_t)value;
    } else if (host->cfg_str(host, hook_options[i].name, &text) != PLUG_OK ||
               !hook_value_parse(&hook_options[i], text, &d->n[i], why)) {
      return fault(err, "option %s has no usable value", hook_options[i].name);
    }
  host->cfg_str(host, "secret", &d->secret);
  host->cfg_str(host, "secret-file", &d->secret_file);
  host->cfg_str(host, "ca-file", &d->ca_file);
  if (host->cfg_i64(host, "unsigned", &value) == PLUG_OK)
    d->is_unsigned = value != 0;
  if (host->cfg_i64(host, "allow-http", &value) == PLUG_OK)
    d->allow_http = value != 0;
  return PLUG_OK;
}

plug_status hook_configs_read(struct hook_configs *configs, const struct hook_env *env,
                              struct plug_err *err)
{
  const struct plug_host *host = env->host;
  const struct plug_config *config = host->extension(host, PLUG_EXT_CONFIG);
  struct defaults defaults = {0};
  struct plug_str name;
  size_t n = 0;
  *configs = (struct hook_configs){0};
  if (!config)
    return fault(err, "this server has no sections with names");
  plug_status status = read_defaults(&defaults, host, err);
  while (config->section(host, n, &name) == PLUG_OK)
    n++;
  if (status == PLUG_OK && !n)
    status = fault(err, "there is no hook: each is a section, [app.webhook NAME]");
  if (status == PLUG_OK && !(configs->hooks = calloc(n, sizeof *configs->hooks)))
    status = no_memory(err);
  for (size_t i = 0; status == PLUG_OK && i < n; i++) {
    struct reader r = {.configs = configs,
                       .env = env,
                       .config = config,
                       .defaults = &defaults,
                       .err = err,
                       .section = i};
    status = config->section(host, i, &name) == PLUG_OK ? read_hook(&r, name) : PLUG_EINTERNAL;
  }
  return status;
}

void hook_configs_fini(struct hook_configs *configs)
{
  for (size_t i = 0; i < configs->n; i++) {
    struct hook_config *hook = &configs->hooks[i];
    free(hook->name);
    free(hook->url);
    hook_key_fini(&hook->key);
  }
  for (size_t i = 0; i < configs->n_claims; i++)
    free((char *)configs->claims[i].pattern.ptr);
  for (size_t i = 0; i < configs->n_watches; i++)
    free((char *)configs->watches[i].ptr);
  hook_tls_free(configs->tls);
  free(configs->hooks);
  free(configs->claims);
  free(configs->watches);
  free(configs->claim_hooks);
  free(configs->watch_hooks);
  *configs = (struct hook_configs){0};
}
