#include "redis_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_cfg.h"
#include "redis_buf.h"

enum { SENTINEL_PORT = 26379 };

#define DEFAULT_CHANNEL "websocket-events"

const struct plug_option redis_options[] = {
    {"url", PLUG_OPT_SECRET, 0, "redis://127.0.0.1:6379", NULL,
     "Where Redis is: redis://[user:password@]host[:port][/db], rediss:// for TLS, or unix:/path; "
     "special characters in user and password as %XX."},
    {"username", PLUG_OPT_STRING, 0, "", NULL, "ACL user; overrides the one in the url."},
    {"password", PLUG_OPT_SECRET, 0, "", NULL, "Password; overrides the one in the url."},
    {"layout", PLUG_OPT_CHOICE, 0, "topics", "topics|single",
     "topics: one channel per topic; single: one channel with JSON for all, as Spring nodes use."},
    {"prefix", PLUG_OPT_STRING, 0, "plugboard:", NULL,
     "Put before the names of all channels but the one of layout single; the same on all nodes."},
    {"channel", PLUG_OPT_STRING, 0, DEFAULT_CHANNEL, NULL, "The channel of layout single."},
    {"client-name", PLUG_OPT_STRING, 0, "", NULL,
     "Name in CLIENT LIST; plugboard-NODE when empty."},
    {"sentinels", PLUG_OPT_LIST, 0, "", NULL,
     "host:port of Redis Sentinels, separated by commas; they then say where Redis is, not the "
     "url."},
    {"master", PLUG_OPT_STRING, 0, "", NULL, "Name of the master that the Sentinels watch."},
    {"sentinel-username", PLUG_OPT_STRING, 0, "", NULL, "ACL user of the Sentinels themselves."},
    {"sentinel-password", PLUG_OPT_SECRET, 0, "", NULL, "Password of the Sentinels themselves."},
    {"sentinel-tls", PLUG_OPT_CHOICE, 0, "as-url", "as-url|on|off",
     "Whether the Sentinels are spoken to over TLS; as-url: if the url is rediss://."},
    {"tls-ca-file", PLUG_OPT_PATH, 0, NULL, NULL,
     "TLS: a file with the certificates of the authorities that Redis' certificate is verified by; "
     "without it and tls-ca-dir those of the system."},
    {"tls-ca-dir", PLUG_OPT_PATH, 0, NULL, NULL,
     "TLS: a folder of such certificates, as openssl rehash makes it."},
    {"tls-certificate", PLUG_OPT_PATH, 0, NULL, NULL,
     "TLS: a file with the certificate that we show to Redis, and those of its authorities "
     "behind."},
    {"tls-key", PLUG_OPT_PATH, 0, NULL, NULL, "TLS: a file with the key of tls-certificate."},
    {"tls-server-name", PLUG_OPT_STRING, 0, "", NULL,
     "TLS: the name that the certificates of Redis and the Sentinels must be for; the host that is "
     "dialled when empty."},
    {"tls-verify", PLUG_OPT_BOOL, 0, "on", NULL,
     "TLS: off accepts any certificate, so that whoever sits in between reads and writes along."},
    {"connect-timeout", PLUG_OPT_DURATION, 0, "5s", "50ms..60s",
     "From dialling to the first message delivered."},
    {"reconnect-min", PLUG_OPT_DURATION, 0, "100ms", "1ms..1m",
     "First delay before another attempt; doubled after each failure."},
    {"reconnect-max", PLUG_OPT_DURATION, 0, "5s", "1ms..10m",
     "Longest delay before another attempt."},
    {"probe-interval", PLUG_OPT_DURATION, 0, "2s", "10ms..10m",
     "How often the node sends itself a message through Redis."},
    {"probe-timeout", PLUG_OPT_DURATION, 0, "3s", "10ms..10m",
     "When that message counts as lost and Redis as down."},
    {"publish-queue", PLUG_OPT_INTEGER, 0, "100000", "1..10000000",
     "Messages that may wait for an answer of Redis; more are refused."},
    {"publish-queue-bytes", PLUG_OPT_BYTES, 0, "64m", "64k..4g",
     "Bytes that may wait to be sent to Redis; more are refused."},
    {"presence-ttl", PLUG_OPT_DURATION, 0, "15s", "1s..10m",
     "Presence: how long a node that is not heard of keeps its members."},
    {"presence-renew", PLUG_OPT_DURATION, 0, "5s", "50ms..5m",
     "Presence: how often a node is heard of; at most half of presence-ttl."},
};

static void read_url(struct host_cfg *r, struct redis_config *config)
{
  const char *why = NULL;
  struct plug_str text = host_cfg_str(r, "url");
  if (r->status != PLUG_OK)
    return;
  plug_status status = redis_url_parse(text, &config->url, &why);
  if (status != PLUG_OK)
    host_cfg_fail(r, status, "option url: %s", why);
  config->user = host_cfg_text(r, "username");
  config->password = host_cfg_text(r, "password");
  if (config->user == NULL && config->url.user != NULL) {
    config->user = config->url.user;
    config->url.user = NULL;
  }
  if (config->password == NULL && config->url.password != NULL) {
    config->password = config->url.password;
    config->url.password = NULL;
  }
  if (config->user != NULL && config->password == NULL)
    host_cfg_fail(r, PLUG_EINVAL,
                  "a user name is given without a password: set the option password");
}

static void read_sentinels(struct host_cfg *r, struct redis_config *config)
{
  struct plug_str list = host_cfg_str(r, "sentinels");
  const char *p = list.ptr, *end = list.ptr + list.len;
  while (p < end && r->status == PLUG_OK) {
    const char *comma = memchr(p, ',', (size_t)(end - p));
    const char *stop = comma == NULL ? end : comma, *why;
    while (p < stop && (*p == ' ' || *p == '\t'))
      p++;
    struct plug_str one = {p, (size_t)(stop - p)};
    while (one.len > 0 && (one.ptr[one.len - 1] == ' ' || one.ptr[one.len - 1] == '\t'))
      one.len--;
    if (config->n_sentinels == REDIS_MAX_SENTINELS)
      host_cfg_fail(r, PLUG_EINVAL, "option sentinels: more than %d", REDIS_MAX_SENTINELS);
    else if (redis_addr_parse(one, SENTINEL_PORT, &config->sentinels[config->n_sentinels], &why) !=
             PLUG_OK)
      host_cfg_fail(r, PLUG_EINVAL, "option sentinels: %s", why);
    else
      config->n_sentinels++;
    p = comma == NULL ? end : comma + 1;
  }
  config->master = host_cfg_text(r, "master");
  config->sentinel_user = host_cfg_text(r, "sentinel-username");
  config->sentinel_password = host_cfg_text(r, "sentinel-password");
  if (config->n_sentinels > 0 && config->master == NULL)
    host_cfg_fail(r, PLUG_EINVAL,
                  "option sentinels needs the option master, the name of what they watch");
  if (config->n_sentinels == 0 && config->master != NULL)
    host_cfg_fail(r, PLUG_EINVAL, "option master needs the option sentinels");
}

/* Certificates are read now, so that mistakes in them are mistakes of the configuration. */
static void read_tls(struct host_cfg *r, struct redis_config *config, const struct redis_env *env)
{
  struct plug_str sentinel = host_cfg_str(r, "sentinel-tls");
  char why[REDIS_WHY_MAX];
  config->sentinel_tls = redis_str_eq(sentinel, redis_str("on")) ||
                         (config->url.tls && redis_str_eq(sentinel, redis_str("as-url")));
  config->ca_file = host_cfg_text(r, "tls-ca-file");
  config->ca_dir = host_cfg_text(r, "tls-ca-dir");
  config->certificate = host_cfg_text(r, "tls-certificate");
  config->key = host_cfg_text(r, "tls-key");
  config->server_name = host_cfg_text(r, "tls-server-name");
  config->insecure = host_cfg_number(r, "tls-verify") == 0;
  if ((config->certificate == NULL) != (config->key == NULL))
    host_cfg_fail(r, PLUG_EINVAL,
                  "option tls-certificate needs the option tls-key, and the other way round");
  if (config->server_name != NULL && strlen(config->server_name) > REDIS_HOST_MAX)
    host_cfg_fail(r, PLUG_EINVAL, "option tls-server-name is longer than %d bytes", REDIS_HOST_MAX);
  if (r->status != PLUG_OK ||
      !(config->url.tls || (config->n_sentinels > 0 && config->sentinel_tls)))
    return;
  const struct redis_trust_config trust = {.ca_file = config->ca_file,
                                           .ca_dir = config->ca_dir,
                                           .certificate = config->certificate,
                                           .key = config->key,
                                           .server_name = config->server_name,
                                           .insecure = config->insecure};
  config->trust = redis_trust_new(env, &trust, why);
  if (config->trust == NULL)
    host_cfg_fail(r, PLUG_EINVAL, "%s", why);
}

static void read_names(struct host_cfg *r, struct redis_config *config)
{
  struct plug_str layout = host_cfg_str(r, "layout");
  config->prefix = host_cfg_text(r, "prefix");
  if (config->prefix == NULL && r->status == PLUG_OK)
    config->prefix = strdup("");
  if (layout.len == 6 && memcmp(layout.ptr, "single", 6) == 0) {
    config->channel = host_cfg_text(r, "channel");
    if (config->channel == NULL)
      host_cfg_fail(r, PLUG_EINVAL, "option channel is empty");
  }
  config->client_name = host_cfg_text(r, "client-name");
  if (r->status != PLUG_OK)
    return;
  if (config->client_name == NULL &&
      asprintf(&config->client_name, "plugboard-%s", r->host->node) < 0)
    config->client_name = NULL;
  if (config->prefix == NULL || config->client_name == NULL ||
      asprintf(&config->probe_channel, "%sprobe:%s", config->prefix, r->host->node) < 0) {
    config->probe_channel = NULL;
    host_cfg_fail(r, PLUG_ENOMEM, "out of memory");
    return;
  }
  /* Redis takes only printable ASCII without spaces here. */
  for (char *p = config->client_name; *p != '\0'; p++)
    if (*p < '!' || *p > '~')
      *p = '_';
}

/* What has no effect, and whose author expects one. */
static void tell_unused(struct host_cfg *r, const struct redis_config *config,
                        const struct redis_env *env)
{
  struct plug_str channel = host_cfg_str(r, "channel");
  if (r->status != PLUG_OK)
    return;
  if (config->channel == NULL && !redis_str_eq(channel, redis_str(DEFAULT_CHANNEL)))
    redis_log(env, PLUG_LOG_WARN,
              "the option channel has no effect, since layout is topics: nodes with layout single "
              "and this node do not hear each other");
  if (config->n_sentinels == 0 &&
      (config->sentinel_user != NULL || config->sentinel_password != NULL))
    redis_log(env, PLUG_LOG_WARN,
              "sentinel-username and sentinel-password have no effect without sentinels: user and "
              "password of Redis itself are username and password");
  bool any = config->ca_file != NULL || config->ca_dir != NULL || config->certificate != NULL ||
             config->server_name != NULL || config->insecure;
  if (config->trust == NULL && any)
    redis_log(
        env, PLUG_LOG_WARN,
        "the options tls-... have no effect, since nothing is spoken over TLS: write rediss:// "
        "into url");
  else if (config->insecure)
    redis_log(env, PLUG_LOG_WARN,
              "tls-verify is off: ANYBODY between this node and Redis can read and change all "
              "messages, and the password; set tls-ca-file and turn it on");
  if (config->url.has_db)
    redis_log(env, PLUG_LOG_INFO,
              "the database number in the url does not matter: publish and subscribe know no "
              "databases");
}

plug_status redis_config_read(struct redis_config *config, const struct redis_env *env,
                              struct plug_err *err)
{
  struct host_cfg r = {.host = env->host, .err = err};
  memset(config, 0, sizeof *config);
  read_url(&r, config);
  read_sentinels(&r, config);
  read_names(&r, config);
  read_tls(&r, config, env);
  config->connect_timeout_ms = host_cfg_number(&r, "connect-timeout");
  config->reconnect_min_ms = host_cfg_number(&r, "reconnect-min");
  config->reconnect_max_ms = host_cfg_number(&r, "reconnect-max");
  config->probe_interval_ms = host_cfg_number(&r, "probe-interval");
  config->probe_timeout_ms = host_cfg_number(&r, "probe-timeout");
  config->publish_queue = (size_t)host_cfg_number(&r, "publish-queue");
  config->publish_queue_bytes = (size_t)host_cfg_number(&r, "publish-queue-bytes");
  config->presence_ttl_ms = host_cfg_number(&r, "presence-ttl");
  config->presence_renew_ms = host_cfg_number(&r, "presence-renew");
  if (r.status == PLUG_OK && config->presence_renew_ms * 2 > config->presence_ttl_ms)
    host_cfg_fail(&r, PLUG_EINVAL, "option presence-renew is more than half of presence-ttl");
  if (r.status == PLUG_OK && config->reconnect_max_ms < config->reconnect_min_ms)
    host_cfg_fail(&r, PLUG_EINVAL, "option reconnect-max is smaller than reconnect-min");
  tell_unused(&r, config, env);
  return r.status;
}

void redis_config_link(const struct redis_config *c, struct redis_link_config *out)
{
  *out = (struct redis_link_config){
      .addr = c->url.addr,
      .login = {.user = c->user,
                .password = c->password,
                .name = c->client_name,
                .trust = c->url.tls ? c->trust : NULL,
                .role = c->n_sentinels > 0 ? REDIS_ROLE_PROVEN : REDIS_ROLE_MASTER},
      .sentinel = {.addrs = c->sentinels,
                   .n_addrs = c->n_sentinels,
                   .master = c->master,
                   .login = {.user = c->sentinel_user,
                             .password = c->sentinel_password,
                             .name = c->client_name,
                             .trust = c->sentinel_tls ? c->trust : NULL,
                             .role = REDIS_ROLE_ANY},
                   .timeout_ms = c->connect_timeout_ms / 2 + 1},
      .trust = c->trust,
      .connect_timeout_ms = c->connect_timeout_ms,
      .reconnect_min_ms = c->reconnect_min_ms,
      .reconnect_max_ms = c->reconnect_max_ms,
      .leaves_subscriptions = c->channel != NULL};
}

void redis_config_fini(struct redis_config *config)
{
  redis_url_fini(&config->url);
  redis_secret_free(config->user);
  redis_secret_free(config->password);
  redis_secret_free(config->sentinel_user);
  redis_secret_free(config->sentinel_password);
  redis_trust_free(config->trust);
  free(config->ca_file);
  free(config->ca_dir);
  free(config->certificate);
  free(config->key);
  free(config->server_name);
  free(config->client_name);
  free(config->master);
  free(config->prefix);
  free(config->channel);
  free(config->probe_channel);
  memset(config, 0, sizeof *config);
}
