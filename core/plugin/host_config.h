/* The configuration of an instance as its plugin reads it in create: its options, and
 * "plug.host.config/1", the sections "[INSTANCE NAME]". Owns nothing. While create runs, on its
 * thread; otherwise it is a violation. */
#ifndef PLUGIN_HOST_CONFIG_H
#define PLUGIN_HOST_CONFIG_H

#include <stdbool.h>

#include <plugboard/ext/config.h>

struct config;
struct config_section;

struct host_config {
  const struct config_section *section; /* of the instance; NULL: it has none */
  const struct config *config;          /* NULL: it has no sections with names */
  bool asked_sections;
  const char *blamed, *blamed_file; /* a section, and where in it create has found a fault */
  int blamed_line;
};

/* Members of the host table. */
plug_status host_config_str(const struct plug_host *host, const char *key, struct plug_str *out);
plug_status host_config_i64(const struct plug_host *host, const char *key, int64_t *out);

extern const struct plug_config host_config_table;

#endif
