/* The options of the plugin, read and checked in create, and the settings of a connection that are
 * made of them. Owns its strings. [create], nats_config_options any thread */
#ifndef NATS_CONFIG_H
#define NATS_CONFIG_H

#include <nats/nats.h>

#include "nats_env.h"
#include <plugboard/plugin.h>

enum { NATS_MAX_SERVERS = 16, NATS_ADDR_MAX = 300, NATS_N_OPTIONS = 22 };

struct nats_server {
  char *url;                /* with what it says about the login */
  char addr[NATS_ADDR_MAX]; /* host:port, for the log */
  char host[256];
  bool tls;
};

struct nats_config {
  struct nats_server servers[NATS_MAX_SERVERS];
  size_t n_servers;
  char *user, *password, *token, *credentials, *nkey, *seed; /* NULL: not given */
  char *ca_file, *certificate, *key, *server_name;
  bool insecure;
  char *prefix, *client_name;
  char *probe_subject; /* the node's own */
  uint64_t connect_timeout_ms, reconnect_min_ms, reconnect_max_ms;
  uint64_t ping_interval_ms, ping_timeout_ms;
  size_t publish_queue, publish_queue_bytes;
  size_t receive_queue;
};

extern const struct plug_option nats_options[NATS_N_OPTIONS];

/* Fills err with a sentence that holds no secret. */
plug_status nats_config_read(struct nats_config *config, const struct plug_host *host,
                             struct plug_err *err);
void nats_config_fini(struct nats_config *config);

/* Files are read, certificates among them. The caller destroys *out; NULL with why when it fails.
 */
natsStatus nats_config_options(const struct nats_config *config, const struct nats_server *server,
                               natsOptions **out, char why[NATS_WHY_MAX]);

#endif
