/* The options of the plugin, read and checked in create, and the keys that need no network. Owns
 * all of it. [create]; constant afterwards. */
#ifndef JWT_CONFIG_H
#define JWT_CONFIG_H

#include <plugboard/plugin.h>

#include "jwt_env.h"
#include "jwt_files.h"
#include "jwt_policy.h"
#include "jwt_source.h"

enum { JWT_N_OPTIONS = 36 };

struct jwt_config {
  struct jwt_policy policy;
  struct jwt_sources sources;
  bool explain;
  /* Where keys come from: files (and a secret option), or a URL, or what an issuer's discovery
   * document says. */
  struct jwt_files files;
  struct jwt_files_stamp stamp; /* from before they were read */
  char *jwks_url;
  char *discovery_issuer; /* NULL: no discovery */
  bool allow_http;
  char *ca_file;
  size_t known_tokens;
  uint64_t refresh_ms, timeout_ms, cooldown_ms, reload_ms;
};

extern const struct plug_option jwt_options[JWT_N_OPTIONS];

/* *keys: the set made of secret and files, NULL when keys come from a URL. Fills err with a
 * sentence that holds no secret. config is to be ended with jwt_config_fini whatever comes out. */
plug_status jwt_config_read(struct jwt_config *config, const struct jwt_env *env,
                            struct jwt_keyset **keys, struct plug_err *err);
void jwt_config_fini(struct jwt_config *config);

/* True for https, and for http to this machine or where it is allowed; else why is a sentence. */
bool jwt_url_allowed(const char *url, bool allow_http, char why[240]);

#endif
