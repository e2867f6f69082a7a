#include "redis_config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_buf.h"

enum { SENTINEL_PORT = 26379 };

#define DEFAULT_CHANNEL "websocket-events"

const struct plug_option redis_options[] = {
    {"url", PLUG_OPT_SECRET, 0, "redis://127.0.0.1:6379", NULL,
     "Where Redis is: redis://[user:password@]host[:port][/db], or unix:/path; special characters "
     "in user and password as %XX."},
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

/* The state of one run through the options: after the first failure nothing more is done. */
struct reader {
  const struct plug_host *host;
  struct plug_err *err;
  plug_status status;
};

__attribute__((format(printf, 3, 4))) static void fail(struct reader *r, plug_status status,
                                                       const char *format, ...)
{
  va_list args;
  if (r->status != PLUG_OK)
    return;
  r->status = status;
  r->err->code = status;
  va_start(args, format);
  vsnprintf(r->err->text, sizeof r->err->text, format, args);
  va_end(args);
}

static struct plug_str get_str(struct reader *r, const char *key)
{
  struct plug_str s = {"", 0};
  if (r->status == PLUG_OK && r->host->cfg_str(r->host, key, &s) != PLUG_OK)
    s = (struct plug_str){"", 0};
  return s;
}

static uint64_t get_number(struct reader *r, const char *key)
{
  int64_t value = 0;
  if (r->status == PLUG_OK && (r->host->cfg_i64(r->host, key, &value) != PLUG_OK || value < 0))
    fail(r, PLUG_EINVAL, "option %s has no usable value", key);
  return (uint64_t)value;
}

/* A copy as a C string; NULL when the option is empty. */
static char *get_text(struct reader *r, const char *key)
{
  struct plug_str s = get_str(r, key);
  if (s.len == 0)
    return NULL;
  if (memchr(s.ptr, '\0', s.len) != NULL) {
    fail(r, PLUG_EINVAL, "option %s holds a NUL byte", key);
    return NULL;
  }
  char *text = strndup(s.ptr, s.len);
  if (text == NULL)
    fail(r, PLUG_ENOMEM, "out of memory");
  return text;
}

static void read_url(struct reader *r, struct redis_config *config)
{
  const char *why = NULL;
  struct plug_str text = get_str(r, "url");
  if (r->status != PLUG_OK)
    return;
  plug_status status = redis_url_parse(text, &config->url, &why);
  if (status != PLUG_OK)
    fail(r, status, "option url: %s", why);
  config->user = get_text(r, "username");
  config->password = get_text(r, "password");
  if (config->user == NULL && config->url.user != NULL) {
    config->user = config->url.user;
    config->url.user = NULL;
  }
  if (config->password == NULL && config->url.password != NULL) {
    config->password = config->url.password;
    config->url.password = NULL;
  }
  if (config->user != NULL && config->password == NULL)
    fail(r, PLUG_EINVAL, "a user name is given without a password: set the option password");
}

static void read_sentinels(struct reader *r, struct redis_config *config)
{
  struct plug_str list = get_str(r, "sentinels");
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
      fail(r, PLUG_EINVAL, "option sentinels: more than %d", REDIS_MAX_SENTINELS);
    else if (redis_addr_parse(one, SENTINEL_PORT, &config->sentinels[config->n_sentinels], &why) !=
             PLUG_OK)
      fail(r, PLUG_EINVAL, "option sentinels: %s", why);
    else
      config->n_sentinels++;
    p = comma == NULL ? end : comma + 1;
  }
  config->master = get_text(r, "master");
  config->sentinel_user = get_text(r, "sentinel-username");
  config->sentinel_password = get_text(r, "sentinel-password");
  if (config->n_sentinels > 0 && config->master == NULL)
    fail(r, PLUG_EINVAL, "option sentinels needs the option master, the name of what they watch");
  if (config->n_sentinels == 0 && config->master != NULL)
    fail(r, PLUG_EINVAL, "option master needs the option sentinels");
}

static void read_names(struct reader *r, struct redis_config *config)
{
  struct plug_str layout = get_str(r, "layout");
  config->prefix = get_text(r, "prefix");
  if (config->prefix == NULL && r->status == PLUG_OK)
    config->prefix = strdup("");
  if (layout.len == 6 && memcmp(layout.ptr, "single", 6) == 0) {
    config->channel = get_text(r, "channel");
    if (config->channel == NULL)
      fail(r, PLUG_EINVAL, "option channel is empty");
  }
  config->client_name = get_text(r, "client-name");
  if (r->status != PLUG_OK)
    return;
  if (config->client_name == NULL &&
      asprintf(&config->client_name, "plugboard-%s", r->host->node) < 0)
    config->client_name = NULL;
  if (config->prefix == NULL || config->client_name == NULL ||
      asprintf(&config->probe_channel, "%sprobe:%s", config->prefix, r->host->node) < 0) {
    config->probe_channel = NULL;
    fail(r, PLUG_ENOMEM, "out of memory");
    return;
  }
  /* Redis takes only printable ASCII without spaces here. */
  for (char *p = config->client_name; *p != '\0'; p++)
    if (*p < '!' || *p > '~')
      *p = '_';
}

/* What has no effect, and whose author expects one. */
static void tell_unused(struct reader *r, const struct redis_config *config,
                        const struct redis_env *env)
{
  struct plug_str channel = get_str(r, "channel");
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
  if (config->url.has_db)
    redis_log(env, PLUG_LOG_INFO,
              "the database number in the url does not matter: publish and subscribe know no "
              "databases");
}

plug_status redis_config_read(struct redis_config *config, const struct redis_env *env,
                              struct plug_err *err)
{
  struct reader r = {.host = env->host, .err = err};
  memset(config, 0, sizeof *config);
  read_url(&r, config);
  read_sentinels(&r, config);
  read_names(&r, config);
  config->connect_timeout_ms = get_number(&r, "connect-timeout");
  config->reconnect_min_ms = get_number(&r, "reconnect-min");
  config->reconnect_max_ms = get_number(&r, "reconnect-max");
  config->probe_interval_ms = get_number(&r, "probe-interval");
  config->probe_timeout_ms = get_number(&r, "probe-timeout");
  config->publish_queue = (size_t)get_number(&r, "publish-queue");
  config->publish_queue_bytes = (size_t)get_number(&r, "publish-queue-bytes");
  config->presence_ttl_ms = get_number(&r, "presence-ttl");
  config->presence_renew_ms = get_number(&r, "presence-renew");
  if (r.status == PLUG_OK && config->presence_renew_ms * 2 > config->presence_ttl_ms)
    fail(&r, PLUG_EINVAL, "option presence-renew is more than half of presence-ttl");
  if (r.status == PLUG_OK && config->reconnect_max_ms < config->reconnect_min_ms)
    fail(&r, PLUG_EINVAL, "option reconnect-max is smaller than reconnect-min");
  tell_unused(&r, config, env);
  return r.status;
}

void redis_config_link(const struct redis_config *c, struct redis_link_config *out)
{
  *out = (struct redis_link_config){
      .addr = c->url.addr,
      .login = {c->user, c->password, c->client_name,
                c->n_sentinels > 0 ? REDIS_ROLE_PROVEN : REDIS_ROLE_MASTER},
      .sentinel = {.addrs = c->sentinels,
                   .n_addrs = c->n_sentinels,
                   .master = c->master,
                   .login = {c->sentinel_user, c->sentinel_password, c->client_name,
                             REDIS_ROLE_ANY},
                   .timeout_ms = c->connect_timeout_ms / 2 + 1},
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
  free(config->client_name);
  free(config->master);
  free(config->prefix);
  free(config->channel);
  free(config->probe_channel);
  memset(config, 0, sizeof *config);
}
