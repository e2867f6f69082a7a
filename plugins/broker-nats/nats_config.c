#include "nats_config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_cfg.h"
#include "nats_subject.h"

#define DEFAULT_PORT "4222"

const struct plug_option nats_options[] = {
    {"servers", PLUG_OPT_SECRET, 0, "nats://127.0.0.1:4222", NULL,
     "nats://[user:password@]host[:port], or tls:// for TLS, separated by commas: servers of one "
     "NATS, tried in turn."},
    {"username", PLUG_OPT_STRING, 0, "", NULL, "User; overrides the one in servers."},
    {"password", PLUG_OPT_SECRET, 0, "", NULL, "Password of username."},
    {"token", PLUG_OPT_SECRET, 0, "", NULL, "Token, instead of a user."},
    {"credentials-file", PLUG_OPT_PATH, 0, NULL, NULL,
     "A .creds file with the JWT and the seed of a user."},
    {"nkey", PLUG_OPT_STRING, 0, "", NULL, "Public NKey of the user."},
    {"nkey-seed-file", PLUG_OPT_PATH, 0, NULL, NULL, "A file with the seed of nkey."},
    {"tls-ca-file", PLUG_OPT_PATH, 0, NULL, NULL,
     "TLS: a file with the certificates of the authorities that the server's is verified by; those "
     "of the system without it."},
    {"tls-certificate", PLUG_OPT_PATH, 0, NULL, NULL,
     "TLS: a file with the certificate that we show to the server, and those of its authorities."},
    {"tls-key", PLUG_OPT_PATH, 0, NULL, NULL, "TLS: a file with the key of tls-certificate."},
    {"tls-server-name", PLUG_OPT_STRING, 0, "", NULL,
     "TLS: the name that the certificates of the servers must be for; the host when empty."},
    {"tls-verify", PLUG_OPT_BOOL, 0, "on", NULL,
     "TLS: off accepts any certificate, so that whoever sits in between reads and writes along."},
    {"prefix", PLUG_OPT_STRING, 0, "plugboard", NULL,
     "The first tokens of all subjects; the same on all nodes."},
    {"client-name", PLUG_OPT_STRING, 0, "", NULL,
     "Name in the list of connections; plugboard-NODE when empty."},
    {"connect-timeout", PLUG_OPT_DURATION, 0, "2s", "50ms..4s", "For one attempt at one server."},
    {"reconnect-min", PLUG_OPT_DURATION, 0, "100ms", "1ms..1m",
     "First delay before another attempt; doubled after each failure."},
    {"reconnect-max", PLUG_OPT_DURATION, 0, "5s", "1ms..10m",
     "Longest delay before another attempt."},
    {"ping-interval", PLUG_OPT_DURATION, 0, "2s", "10ms..10m",
     "How often a silent connection is tried."},
    {"ping-timeout", PLUG_OPT_DURATION, 0, "3s", "10ms..10m",
     "When NATS counts as down that does not answer or take what is sent."},
    {"publish-queue", PLUG_OPT_INTEGER, 0, "100000", "1..10000000",
     "Messages that may wait for NATS; more are refused."},
    {"publish-queue-bytes", PLUG_OPT_BYTES, 0, "64m", "64k..4g",
     "Bytes that may wait for NATS; more are refused."},
    {"receive-queue", PLUG_OPT_INTEGER, 0, "65536", "1..10000000",
     "Messages of one subject that may wait for this node; more are dropped."},
};

static bool is_port(const char *text)
{
  unsigned long port = 0;
  size_t n = strspn(text, "0123456789");
  if (n == 0 || n > 5 || text[n] != '\0')
    return false;
  port = strtoul(text, NULL, 10);
  return port > 0 && port < 65536;
}

/* host, [v6] or either with :port. */
static bool take_address(const char *text, struct nats_server *server)
{
  const char *port = NULL, *end;
  bool v6 = text[0] == '[';
  if (v6) {
    end = strchr(text++, ']');
    if (end == NULL || (end[1] != '\0' && end[1] != ':'))
      return false;
    port = end[1] == ':' ? end + 2 : NULL;
  } else {
    end = strchr(text, ':');
    port = end == NULL ? NULL : end + 1;
    end = end == NULL ? text + strlen(text) : end;
  }
  size_t n = (size_t)(end - text);
  if (n == 0 || n >= sizeof server->host || (port != NULL && !is_port(port)))
    return false;
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)text[i]) && strchr(v6 ? ":.%" : "-_.", text[i]) == NULL)
      return false;
  memcpy(server->host, text, n);
  server->host[n] = '\0';
  snprintf(server->addr, sizeof server->addr, "%s%.*s%s:%s", v6 ? "[" : "", (int)n, text,
           v6 ? "]" : "", port != NULL ? port : DEFAULT_PORT);
  return true;
}

static void add_server(struct host_cfg *r, struct nats_config *config, const char *text, size_t len)
{
  struct nats_server *server = &config->servers[config->n_servers];
  if (config->n_servers == NATS_MAX_SERVERS) {
    host_cfg_fail(r, PLUG_EINVAL, "option servers: more than %d", NATS_MAX_SERVERS);
    return;
  }
  server->url = strndup(text, len);
  if (server->url == NULL) {
    host_cfg_fail(r, PLUG_ENOMEM, "out of memory");
    return;
  }
  config->n_servers++;
  server->tls = strncmp(server->url, "tls://", 6) == 0;
  if (!server->tls && strncmp(server->url, "nats://", 7) != 0) {
    host_cfg_fail(r, PLUG_EINVAL, "option servers: each must start with nats:// or tls://");
    return;
  }
  const char *rest = server->url + (server->tls ? 6 : 7), *at = strrchr(rest, '@');
  if (!take_address(at == NULL ? rest : at + 1, server))
    host_cfg_fail(r, PLUG_EINVAL,
                  "option servers: an address is not host[:port]; special characters of "
                  "users and passwords are written %%XX");
}

static void read_servers(struct host_cfg *r, struct nats_config *config)
{
  char *list = host_cfg_text(r, "servers");
  for (char *p = list; p != NULL && *p != '\0' && r->status == PLUG_OK;) {
    p += strspn(p, ", \t");
    size_t n = strcspn(p, ", \t");
    if (n > 0)
      add_server(r, config, p, n);
    p += n;
  }
  if (config->n_servers == 0)
    host_cfg_fail(r, PLUG_EINVAL, "option servers names none");
  if (list != NULL) {
    explicit_bzero(list, strlen(list));
    free(list);
  }
}

static bool is_number(const char *host)
{
  unsigned char bytes[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static void read_login(struct host_cfg *r, struct nats_config *config)
{
  config->user = host_cfg_text(r, "username");
  config->password = host_cfg_text(r, "password");
  config->token = host_cfg_text(r, "token");
  config->credentials = host_cfg_text(r, "credentials-file");
  config->nkey = host_cfg_text(r, "nkey");
  config->seed = host_cfg_text(r, "nkey-seed-file");
  int n = (config->user != NULL) + (config->token != NULL) + (config->credentials != NULL) +
          (config->nkey != NULL);
  if (n > 1)
    host_cfg_fail(r, PLUG_EINVAL,
                  "only one of the options username, token, credentials-file and nkey may be "
                  "given");
  if ((config->nkey != NULL) != (config->seed != NULL))
    host_cfg_fail(r, PLUG_EINVAL,
                  "option nkey needs the option nkey-seed-file, and the other way round");
  if ((config->user != NULL) != (config->password != NULL))
    host_cfg_fail(r, PLUG_EINVAL,
                  "option username needs the option password, and the other way round");
}

static void read_tls(struct host_cfg *r, struct nats_config *config)
{
  config->ca_file = host_cfg_text(r, "tls-ca-file");
  config->certificate = host_cfg_text(r, "tls-certificate");
  config->key = host_cfg_text(r, "tls-key");
  config->server_name = host_cfg_text(r, "tls-server-name");
  config->insecure = host_cfg_number(r, "tls-verify") == 0;
  if ((config->certificate == NULL) != (config->key == NULL))
    host_cfg_fail(r, PLUG_EINVAL,
                  "option tls-certificate needs the option tls-key, and the other way round");
  bool any = false;
  for (size_t i = 0; i < config->n_servers; i++) {
    const struct nats_server *server = &config->servers[i];
    any = any || server->tls;
    if (server->tls && !config->insecure && config->server_name == NULL && is_number(server->host))
      host_cfg_fail(
          r, PLUG_EINVAL,
          "option servers: %.60s is no name, and libnats finds only names in certificates: set "
          "tls-server-name to one that the certificate is for",
          server->addr);
  }
  if (r->status == PLUG_OK && any && config->insecure)
    host_log(r->host, PLUG_LOG_WARN,
             "tls-verify is off: ANYBODY between this node and NATS can read and change all "
             "messages, and the password; set tls-ca-file and turn it on");
}

static void read_names(struct host_cfg *r, struct nats_config *config)
{
  struct plug_str node = {r->host->node, strlen(r->host->node)};
  char token[NATS_SUBJECT_MAX + 1];
  config->prefix = host_cfg_text(r, "prefix");
  config->client_name = host_cfg_text(r, "client-name");
  if (r->status != PLUG_OK)
    return;
  if (config->prefix == NULL || strlen(config->prefix) > 200 ||
      !nats_subject_is_prefix(config->prefix)) {
    host_cfg_fail(r, PLUG_EINVAL, "option prefix: letters, digits, - and _, with dots in between");
    return;
  }
  if (!nats_subject_put(token, "", node)) {
    host_cfg_fail(r, PLUG_EINVAL, "the name of the node is too long");
    return;
  }
  if ((config->client_name == NULL &&
       asprintf(&config->client_name, "plugboard-%s", r->host->node) < 0) ||
      asprintf(&config->probe_subject, "%s.probe%s", config->prefix, token + 2) < 0)
    host_cfg_fail(r, PLUG_ENOMEM, "out of memory");
}

plug_status nats_config_read(struct nats_config *config, const struct plug_host *host,
                             struct plug_err *err)
{
  struct host_cfg r = {.host = host, .err = err};
  memset(config, 0, sizeof *config);
  read_servers(&r, config);
  read_login(&r, config);
  read_tls(&r, config);
  read_names(&r, config);
  config->connect_timeout_ms = host_cfg_number(&r, "connect-timeout");
  config->reconnect_min_ms = host_cfg_number(&r, "reconnect-min");
  config->reconnect_max_ms = host_cfg_number(&r, "reconnect-max");
  config->ping_interval_ms = host_cfg_number(&r, "ping-interval");
  config->ping_timeout_ms = host_cfg_number(&r, "ping-timeout");
  config->publish_queue = (size_t)host_cfg_number(&r, "publish-queue");
  config->publish_queue_bytes = (size_t)host_cfg_number(&r, "publish-queue-bytes");
  config->receive_queue = (size_t)host_cfg_number(&r, "receive-queue");
  if (r.status == PLUG_OK && config->reconnect_max_ms < config->reconnect_min_ms)
    host_cfg_fail(&r, PLUG_EINVAL, "option reconnect-max is smaller than reconnect-min");
  return r.status;
}

static void free_secret(char *secret)
{
  if (secret != NULL)
    explicit_bzero(secret, strlen(secret));
  free(secret);
}

void nats_config_fini(struct nats_config *config)
{
  for (size_t i = 0; i < config->n_servers; i++)
    free_secret(config->servers[i].url);
  free_secret(config->password);
  free_secret(config->token);
  char *const plain[] = {config->user,   config->credentials,  config->nkey,
                         config->seed,   config->ca_file,      config->certificate,
                         config->key,    config->server_name,  config->client_name,
                         config->prefix, config->probe_subject};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    free(plain[i]);
  memset(config, 0, sizeof *config);
}

static natsStatus set_login(const struct nats_config *config, natsOptions *options)
{
  if (config->user != NULL)
    return natsOptions_SetUserInfo(options, config->user, config->password);
  if (config->token != NULL)
    return natsOptions_SetToken(options, config->token);
  if (config->credentials != NULL)
    return natsOptions_SetUserCredentialsFromFiles(options, config->credentials, NULL);
  if (config->nkey != NULL)
    return natsOptions_SetNKeyFromSeed(options, config->nkey, config->seed);
  return NATS_OK;
}

/* Also where the url does not ask for it: a server may. */
static natsStatus set_tls(const struct nats_config *config, const struct nats_server *server,
                          natsOptions *options, const char **what)
{
  natsStatus status = natsOptions_SetSecure(options, server->tls);
  if (status == NATS_OK && config->ca_file != NULL) {
    *what = "tls-ca-file";
    status = natsOptions_LoadCATrustedCertificates(options, config->ca_file);
  }
  if (status == NATS_OK && config->certificate != NULL) {
    *what = "tls-certificate and tls-key";
    status = natsOptions_LoadCertificatesChain(options, config->certificate, config->key);
  }
  if (status == NATS_OK && config->insecure)
    status = natsOptions_SkipServerVerification(options, true);
  else if (status == NATS_OK && (config->server_name != NULL || !is_number(server->host)))
    status = natsOptions_SetExpectedHostname(
        options, config->server_name != NULL ? config->server_name : server->host);
  return status;
}

natsStatus nats_config_options(const struct nats_config *config, const struct nats_server *server,
                               natsOptions **out, char why[NATS_WHY_MAX])
{
  const char *what = "the options";
  natsOptions *options = NULL;
  natsStatus status = natsOptions_Create(&options);
  if (status == NATS_OK)
    status = natsOptions_SetURL(options, server->url);
  if (status == NATS_OK)
    status = natsOptions_SetAllowReconnect(options, false);
  if (status == NATS_OK)
    status = natsOptions_UseGlobalMessageDelivery(options, true);
  if (status == NATS_OK)
    status = natsOptions_SetTimeout(options, (int64_t)config->connect_timeout_ms);
  if (status == NATS_OK)
    status = natsOptions_SetWriteDeadline(options, (int64_t)config->ping_timeout_ms);
  if (status == NATS_OK)
    status = natsOptions_SetName(options, config->client_name);
  if (status == NATS_OK)
    status = natsOptions_SetMaxPendingMsgs(options, (int)config->receive_queue);
  if (status == NATS_OK) {
    what = "the login";
    status = set_login(config, options);
  }
  if (status == NATS_OK)
    status = set_tls(config, server, options, &what);
  if (status == NATS_OK) {
    *out = options;
    return NATS_OK;
  }
  const char *detail = nats_GetLastError(NULL);
  snprintf(why, NATS_WHY_MAX, "%s cannot be used: %s (%.120s)", what, natsStatus_GetText(status),
           detail != NULL ? detail : "");
  natsOptions_Destroy(options);
  *out = NULL;
  return status;
}
