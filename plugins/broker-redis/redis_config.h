/* The options of the plugin, read and checked in create, and the certificates that they name. Owns
 * its strings and the trust. [create] */
#ifndef REDIS_CONFIG_H
#define REDIS_CONFIG_H

#include <plugboard/plugin.h>

#include "redis_env.h"
#include "redis_link.h"
#include "redis_url.h"

enum { REDIS_MAX_SENTINELS = 16, REDIS_N_OPTIONS = 27 };

struct redis_config {
  struct redis_url url;
  char *user, *password; /* what counts, from the options or the url; NULL: none */
  char *sentinel_user, *sentinel_password;
  char *client_name, *master;
  struct redis_addr sentinels[REDIS_MAX_SENTINELS];
  size_t n_sentinels;
  bool sentinel_tls;
  char *ca_file, *ca_dir, *certificate, *key, *server_name; /* NULL: not given */
  bool insecure;
  struct redis_trust *trust; /* NULL: nothing is TLS */
  char *prefix;
  char *channel;       /* NULL: layout topics */
  char *probe_channel; /* the node's own */
  uint64_t connect_timeout_ms, reconnect_min_ms, reconnect_max_ms;
  uint64_t probe_interval_ms, probe_timeout_ms;
  size_t publish_queue, publish_queue_bytes;
  uint64_t presence_ttl_ms, presence_renew_ms;
};

extern const struct plug_option redis_options[REDIS_N_OPTIONS];

/* Fills err with a sentence that holds no secret. */
plug_status redis_config_read(struct redis_config *config, const struct redis_env *env,
                              struct plug_err *err);
/* What they say of the way to Redis; borrows the strings and the trust. */
void redis_config_link(const struct redis_config *config, struct redis_link_config *out);
void redis_config_fini(struct redis_config *config);

#endif
